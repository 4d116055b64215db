import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClipFile, type ClipOptions } from '../support/clip.ts';
import { recordFile } from '../support/record-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Runs ffmpeg or ffprobe, which must have nothing to say against its input. */
function run(program: 'ffmpeg' | 'ffprobe', ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, ['-v', 'warning', ...args], { encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.is(stderr, '', `${program} ${args.join(' ')}`);
  assert.is(status, 0);
  return stdout;
}

interface Picture { readonly pts: number; readonly md5: string }

/** Every decoded picture, in order of presentation. */
function decode(...input: string[]): Picture[] {
  const lines = run('ffmpeg', ...input, '-map', '0:v:0', '-fps_mode', 'passthrough', '-f', 'framemd5', '-').split('\n');
  return lines.filter((line) => line.startsWith('0,')).map((line) => line.split(',').map((field) => field.trim())).map(([, , pts, , , md5]) => ({ pts: Number(pts), md5: md5! }));
}

interface Probe {
  readonly streams: readonly { readonly codec_name: string; readonly codec_type: string; readonly width: number; readonly height: number; readonly nb_read_packets: string; readonly r_frame_rate: string }[];
  readonly format: { readonly format_name: string; readonly start_time: string; readonly duration: string; readonly tags: { readonly major_brand: string } };
}

const CLIPS: readonly (ClipOptions & { readonly name: string })[] = [
  { name: 'H.264', codec: 'h264' }, { name: 'H.264 with B-frames', codec: 'h264', bFrames: 2 }, { name: 'H.265', codec: 'hevc' }, { name: 'H.265 with B-frames', codec: 'hevc', bFrames: 2 },
  { name: 'H.264 with three B-frames, 30 a second', codec: 'h264', fps: 30, bFrames: 3 },
];
const FRAMES = 100;
const GOP = 25;

if (spawnSync('ffmpeg', ['-version']).status !== 0) {
  console.log('SKIP: ffmpeg as oracle: it is not installed');
} else {
  for (const { name, ...options } of CLIPS) {
    test(`ffmpeg decodes the recorded chunks of ${name} to the pictures of the source, and they join without a gap`, async () => {
      const folder = temporaryFolder();
      const fps = options.fps ?? 25;
      const clip = await makeClipFile({ frames: FRAMES, gop: GOP, fps, width: 352, height: 288, ...options });
      const recorded = await recordFile(clip, folder, 0.9 * GOP / fps);
      const source = decode('-i', clip);
      assert.is(source.length, FRAMES);
      assert.equal(recorded.rows.map(({ frameCount }) => frameCount), [25, 25, 25, 25]);
      const files = recorded.rows.map(({ path }) => join(folder, path));

      for (const [index, file] of files.entries()) {
        const probe = JSON.parse(run('ffprobe', '-count_packets', '-show_streams', '-show_format', '-of', 'json', file)) as Probe;
        const [stream] = probe.streams;
        assert.is(probe.streams.length, 1);
        assert.match(probe.format.format_name, 'mp4');
        assert.equal([stream?.codec_type, stream?.codec_name, stream?.width, stream?.height, Number(stream?.nb_read_packets)], ['video', options.codec, 352, 288, recorded.rows[index]?.frameCount]);
        assert.is(Number(probe.format.start_time), 0, 'a player starts at 0 whatever the time of the stream');
        assert.ok(Math.abs(Number(probe.format.duration) - GOP / fps) < 0.001, `${probe.format.duration} s`);
      }

      assert.equal(files.flatMap((file) => decode('-i', file)).map(({ md5 }) => md5), source.map(({ md5 }) => md5), 'chunk by chunk');
      const list = join(folder, 'list.txt');
      writeFileSync(list, files.map((file) => `file '${file}'\n`).join(''));
      assert.equal(decode('-f', 'concat', '-safe', '0', '-i', list), source, 'joined: the same pictures at the same times');
    });
  }
}

test.run();
