/** CRC-32 (ISO 3309), for telling a line that was written whole from one that was not. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Eight hexadecimal digits. */
export function crc32(content: Uint8Array): string {
  let value = -1;
  for (let at = 0; at < content.length; at += 1) {
    value = (value >>> 8) ^ (TABLE[(value ^ (content[at] as number)) & 0xff] as number);
  }
  return ((value ^ -1) >>> 0).toString(16).padStart(8, "0");
}
