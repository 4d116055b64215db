import type { MediaPacket, PacketReader } from '../../src/media/types.ts';

/** Reads to the end and closes. */
export async function readAll(reader: PacketReader): Promise<MediaPacket[]> {
  const packets: MediaPacket[] = [];
  for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) packets.push(packet);
  await reader.close();
  return packets;
}
