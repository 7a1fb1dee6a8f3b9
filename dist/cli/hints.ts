/** What to do about codes of other layers, as far as a flag of this program is the answer. */
export const HINTS: Readonly<Record<string, string>> = {
  ERR_REALM_REQUIRED: 'make one with: fovea realm create com.example.dev --out realm.json',
  ERR_TRANSPORT_PORT_BUSY: 'choose another --port; --port 0 takes a free one',
  ERR_TRANSPORT_BAD_ADDRESS:
    '--host is an address of this machine, for example 127.0.0.1 or 0.0.0.0',
  ERR_DATA_DIR_LOCKED: 'stop the other node, or give this one its own --data-dir',
  ERR_DATA_DIR_FOREIGN: 'give this node its own, empty --data-dir',
  ERR_DATA_DIR_UNREADABLE: 'check the owner and the permissions of --data-dir',
  ERR_PEER_TIMEOUT:
    'see that the gateway runs (fovea start --gateway), at that address, with the same realm',
  ERR_RPC_NO_PROVIDER: 'see who offers what with: fovea services',
  ERR_RPC_PROCEDURE_INVALID:
    'a procedure is segments joined by dots: shop.price; patterns as shop.* are for fovea advertise and services',
  ERR_RPC_PROCEDURE_TAKEN:
    'end the other fovea advertise, or the program, that offers it at this node',
  ERR_PUBSUB_UNACKNOWLEDGED:
    'somebody may be on the way out: see fovea members, and publish again what must arrive',
  ERR_GATEWAY_HEALTH_BIND: 'choose another --health-port; --health-port 0 takes a free one',
  ERR_TOPIC_INVALID: 'a topic is segments joined by dots, without wildcards: shop.tea.sold',
  ERR_FILTER_INVALID: 'a filter is segments joined by dots; * is one segment, ** any number',
}
