import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStat { readonly pid: number; readonly parent: number; readonly cpuTicks: number; readonly reapedTicks: number; readonly startedAt: number }

/** USER_HZ: what /proc counts in on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Fields of /proc/<pid>/stat, proc_pid_stat(5): 4 ppid, 14 utime, 15 stime, 16 cutime, 17 cstime, 22 starttime. */
function statOf(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // it has ended
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number); // the name before may hold anything
  const field = (number: number): number => fields[number - 3] ?? 0;
  return { pid, parent: field(4), cpuTicks: field(14) + field(15), reapedTicks: field(16) + field(17), startedAt: field(22) };
}

/** The process and everything below it that lives now. */
export function treeOf(root: number): readonly number[] {
  const children = Map.groupBy(readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(name => statOf(Number(name))).filter(stat => stat !== undefined), stat => stat.parent);
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []).map(stat => stat.pid));
  return tree;
}

/** Processor time of the process and everything below it so far, in milliseconds, user and system, ended and reaped children included. Resolution: 10 ms. */
export function treeCpuMs(root: number): number {
  let ticks = 0;
  for (const pid of treeOf(root)) {
    const stat = statOf(pid);
    if (stat !== undefined) ticks += stat.cpuTicks + stat.reapedTicks;
  }
  return ticks * 1000 / TICKS_PER_SECOND;
}

/** Processor time of one process so far, in milliseconds, to the nanosecond: all its threads that live (schedstat). Finer than ticks for small shares. */
export function processCpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch { /* the thread has ended */ }
  }
  return nanoseconds / 1e6;
}

/** Resident memory of one process in bytes; undefined when it has ended. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/** Memory of one process with its share of what it has in common with others (proc_pid_smaps(5), Pss), in bytes; 0 when it has ended. */
export function proportionalBytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Command line of a process, for finding one of a tree by its name. */
export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
