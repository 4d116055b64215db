import { runRoleProcess } from './process/role-process.ts';

/** Entry of every child process. A role's code is loaded only in its own process: native libraries stay out of the others. */
runRoleProcess({
  store: async () => (await import('./store/store-role.ts')).storeRole,
  ingest: async () => (await import('./ingest/ingest-role.ts')).ingestRole,
  vision: async () => (await import('./vision/vision-role.ts')).visionRole,
  index: async () => (await import('./index/index-role.ts')).indexRole,
  host: async () => (await import('./host/host-role.ts')).hostRole,
  jsmpeg: async () => (await import('./preview/jsmpeg-role.ts')).jsmpegRole,
  batch: async () => (await import('./batch/batch-role.ts')).batchRole,
});
