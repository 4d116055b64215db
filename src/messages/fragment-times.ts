/** Where `encodeFragmentHead` of src/media writes decode times: `prft` of 32 bytes, then `moof` with `mfhd` 16, `traf` 8, `tfhd` 16 and `tfdt`. */
const PRFT = { bytes: 32, timeAt: 24 } as const;
const TFDT_TIME_AT = 8 + 16 + 8 + 16 + 12;

/** A copy of a fragment's head whose decode time is `ticks`: each viewer's time line begins at its own first picture. */
export function fragmentHeadAt(head: Uint8Array, ticks: number): Uint8Array {
  const moved = new Uint8Array(head);
  const view = new DataView(moved.buffer);
  const hasPrft = String.fromCharCode(...moved.subarray(4, 8)) === 'prft';
  if (hasPrft) view.setBigUint64(PRFT.timeAt, BigInt(ticks));
  view.setBigUint64((hasPrft ? PRFT.bytes : 0) + TFDT_TIME_AT, BigInt(ticks));
  return moved;
}
