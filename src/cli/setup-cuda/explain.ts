import type { CudaLibraries } from '../../inference/cuda-libraries.ts';

/** What decides whether the CUDA libraries can run on a machine. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Version of glibc (`2.36`); undefined where the system has another C library. */
  readonly glibc: string | undefined;
  /** An NVIDIA driver is loaded. */
  readonly hasDriver: boolean;
}

/** What Microsoft builds the libraries against: AlmaLinux 8. */
const GLIBC_MIN = [2, 28] as const;

/** Why the libraries cannot run here whatever is installed; undefined when they may. */
export function platformRefusal({ platform, arch, glibc }: Machine): string | undefined {
  if (platform !== 'linux' || arch !== 'x64') return `onnxruntime-node has CUDA libraries for linux/x64 only, this is ${platform}/${arch}: models run on the processor here`;
  if (glibc === undefined) return 'the CUDA libraries of onnxruntime need glibc, and this system has another C library (Alpine?): use an image of Debian, Ubuntu or the like';
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major > GLIBC_MIN[0] || (major === GLIBC_MIN[0] && minor >= GLIBC_MIN[1])) return undefined;
  return `the CUDA libraries of onnxruntime need glibc ${GLIBC_MIN.join('.')} or newer, this system has ${glibc}: use a newer distribution or image`;
}

/** What the output of the install script that failed means, and what to do. */
export function explainDownload(output: string, { folder, files }: CudaLibraries): string {
  const names = files.map(file => file.slice(folder.length + 1)).join(', ');
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|getaddrinfo|socket hang up/.test(output)) {
    return `NuGet (https://api.nuget.org) cannot be reached from here. Behind a proxy set GLOBAL_AGENT_HTTPS_PROXY; without a network copy ${names} from a machine of the same version of onnxruntime-node to ${folder}`;
  }
  if (/self[- ]signed|unable to (verify|get)|CERT_|certificate/i.test(output)) return 'the certificate of NuGet (https://api.nuget.org) is not trusted here: name your proxy\'s authority in NODE_EXTRA_CA_CERTS';
  const status = /HTTP status code = (\d+)/.exec(output)?.[1];
  if (status !== undefined) return `NuGet answered with HTTP status ${status}: try again later`;
  if (/ENOSPC/.test(output)) return `the disk is full: the libraries need 1 GB in ${folder} and in the folder for temporary files`;
  if (/EACCES|EPERM|EROFS/.test(output)) return `${folder} cannot be written: run this as the user who installed vto`;
  return `the install script of onnxruntime-node failed: ${output.trim().split('\n').filter(line => /error/i.test(line)).slice(0, 1).join('') || output.trim().slice(-300) || 'it said nothing'}`;
}

/** Why the provider does not start although its libraries are there, and what to do. */
export function explainProbe({ reason, needed, machine }: { readonly reason: string; readonly needed: readonly string[]; readonly machine: Machine }): string {
  const glibc = /GLIBC(?:XX)?_[\d.]+/.exec(`${reason} ${needed.join(' ')}`)?.[0];
  if (glibc !== undefined) return `cuda does not start: its libraries need ${glibc}, which is newer than this system's: use a newer distribution or image`;
  if (needed.length > 0) return `cuda does not start: not found: ${needed.join(', ')}. Install the CUDA 12 runtime and cuDNN 9 (packages cuda-runtime-12-x and cudnn9-cuda-12 of NVIDIA, or an image nvidia/cuda:12-cudnn-runtime) and name their folder in LD_LIBRARY_PATH if need be`;
  if (!machine.hasDriver) return 'cuda does not start: no NVIDIA driver is loaded (no /dev/nvidiactl). In a container, run it with --gpus all; else install the driver';
  if (/insufficient|driver version/i.test(reason)) return `cuda does not start: the NVIDIA driver is too old for CUDA 12 (525 or newer is needed): ${reason}`;
  return `cuda does not start: ${reason}`;
}
