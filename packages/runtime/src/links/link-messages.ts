/** What the kernel says of interfaces over rtnetlink(7), read as far as following them needs. */

/** struct nlmsghdr: length, type, flags, sequence, port. */
const HEADER_BYTES = 16;
/** In `ifinfomsg` and `ifaddrmsg` alike the interface's index follows four bytes. */
const INDEX_AT = HEADER_BYTES + 4;
/** RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR. */
const FOLLOWED: ReadonlySet<number> = new Set([16, 17, 20, 21]);

/** Indexes of the interfaces that the messages of one datagram are about. What is no message of links or addresses is passed over. */
export function changedInterfaces(datagram: Uint8Array): number[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const indexes: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    if (FOLLOWED.has(view.getUint16(at + 4, true)) && length >= INDEX_AT + 4)
      indexes.push(view.getInt32(at + INDEX_AT, true));
    // Messages begin at multiples of four.
    at += (length + 3) & ~3;
  }
  return indexes;
}
