/** The words of the help: descriptions, flags and examples. */

export const DATA_DIR_VARIABLE: string = 'FOVEA_DATA_DIR'
export const REALM_VARIABLE: string = 'FOVEA_REALM'
export const DATA_DIR_START: string =
  'keeps its key and its control socket; without one both last one run only'
export const DATA_DIR_CLIENT: string = `data directory of the running node (or ${DATA_DIR_VARIABLE})`
export const EDGE_HELP: string = `do it at the edge, through this gateway; may be repeated. --data-dir then keeps this
command's own key`
export const EDGE_REALM_HELP: string = `realm file, for --gateway (or ${REALM_VARIABLE})`
export const REALM_START: string = `realm file (or ${REALM_VARIABLE}); see: fovea realm create`
export const CLUSTER_HELP: string =
  'nodes of other clusters of the realm are refused (default: main)'
export const PRESET_HELP: string =
  'how members are watched: local, lan or wan; the same on all nodes (default: lan)'
export const PORT_HELP: string = 'UDP port; 0 takes a free one (or FOVEA_DIST_PORT)'
export const DISCOVERY_HELP: string =
  'find and join nodes by mdns, dht or both (or FOVEA_DISCOVERY_TYPE with FOVEA_AUTO_CLUSTER=true)'
export const GATEWAY_HELP: string = 'take in peers at the edge, which programs make with connect()'
export const HEALTH_PORT_HELP: string =
  'port of /health, /ready, /live and /metrics of a gateway, on 127.0.0.1 (default: 8080)'
export const LOAD_HELP: string = 'module that exports register(registry); may be repeated'
export const NODE_HELP: string = 'name@host:port, or a name that only one member has'
export const MEMBERS_TEXT: string = `Lists the nodes that the running node knows, itself first. With --watch a terminal shows them
again at every change, elsewhere each change is a line; Ctrl-C ends it.`
export const JOIN_TEXT: string = `Makes a link from the running node to the one at ADDRESS, and through it to the whole mesh. An
address where nobody answers in time is tried again by the node until somebody does.`
export const TOPOLOGY_TEXT: string = `Asks the nodes of the mesh for their neighbours and draws them in the order of the ring: name, key,
degree, neighbours. Nodes that do not answer are marked.`
export const STATS_TEXT: string = `Shows what the running node counts: members, probes, suspicions, repairs, links, and what it refused.`
export const EVENTS_TEXT: string = `Prints what changed in the membership, oldest first: who suspected whom, when, on whose word. The
running node remembers the newest changes since its start.`
export const DHT_TEXT: string = `Keeps values at the nodes nearest to their keys and finds them from any node of the realm.
A KEY is 64 hexadecimal digits, or words.`
export const DHT_PUT_TEXT: string = `Keeps a text at the nodes nearest to its key and prints the key. With --name it can be replaced later,
and is found by that name. The running node repeats it until 'dht withdraw', unless --once.`
export const DHT_GET_TEXT: string = `Finds a value and prints it. KEY is what 'dht put' printed, or the name of a value of the running
node; with --publisher of another one.`
export const DHT_PROVIDE_TEXT: string = `Says that the running node provides what KEY stands for, until 'dht withdraw'.
Words stand for the same key on all nodes of the realm.`
export const DHT_PROVIDERS_TEXT: string = `Finds who provides what KEY stands for: members of the realm, by their own signatures.`
export const DHT_WITHDRAW_TEXT: string = `Stops repeating what was put or is provided under KEY, or was put with --name. What other nodes hold ends
with its time.`
export const DHT_TABLE_TEXT: string = `Shows the nodes that the running node knows by their distance: bucket 255 is the far half of all keys.`
export const DHT_LOOKUP_TEXT: string = `Finds the nodes nearest to KEY, which may be a member of the mesh. With --trace each hop is a line: how
far from here, on which path, what came of it, after how long, bits in common with KEY, new nodes learnt.`
export const PUBLISH_TEXT: string = `Publishes a message to the subscribers of TOPIC on all nodes of the mesh, and says where it went.
With --qos 1 it is repeated until every node that wanted it has acknowledged it.
An empty text ('""') with --retain deletes what is kept of the topic.`
export const SUBSCRIBE_TEXT: string = `Prints the messages that match FILTER, until Ctrl-C, until --count messages came, or until
--timeout-ms is over; when that is before --count messages came, it fails.
Quote a filter with wildcards, or the shell takes them for names of files.`
export const RPC_CALL_TEXT: string = `Calls a procedure at one of the nodes that offer it, and prints its result.`
export const ADVERTISE_TEXT: string = `Offers a procedure through the running node until Ctrl-C. Every caller gets the same reply, and each
call is printed. For anything else, advertise from a program: mesh.rpc.advertise.`
export const SERVICES_TEXT: string = `Shows the procedures that the running node knows and who offers them, its own included.
With NAME those who offer it are looked for in the mesh as well. At the edge the gateway is asked.`
export const TOPICS_TEXT: string = `Shows the filters that the running node subscribes to, and which other nodes want the same.`
export const PRESENCE_TEXT: string = `Shows who is present in TOPIC, on whatever node: what programs track with mesh.presence.track.
With --watch it goes on until Ctrl-C with everybody who joins, leaves, or changes.`
export const START_DESCRIPTION: string = `Runs a node until Ctrl-C, then leaves the mesh. A second Ctrl-C ends it at once.
Every node offers the behaviour 'counter' to the others, so that spawn has something to start.`
export const SPAWN_DESCRIPTION: string = `Starts a process of a registered behaviour, here or on another node. Only behaviours that
the other node registered for remote use can be started there; code never travels.`
export const CALL_DESCRIPTION: string = `Calls a method of a process and prints its reply. Without --node the name is looked up
on the running node itself.`
export const REALM_DESCRIPTION: string = `A realm is a closed mesh: a name and a key. Nodes of different realms refuse each other.`
export const REALM_CREATE_DESCRIPTION: string = `Makes a realm and writes it, with its authority key, to a file only you can read.
Whoever has this file can let nodes in: fine for development, one secret place in production.`
export const REALM_ISSUE_DESCRIPTION: string = `Signs that the node with this key belongs to the realm, for nodes that have the public
realm file only. Such a node says its key when it is started without a membership.`
export const DEMO_DESCRIPTION: string = `Starts three nodes as processes of this machine and shows what a mesh does: join, members,
spawn, calls with their round-trip times, a crash and its restart, kill -9, leave. Leaves nothing behind.`

/** Commands that have a builder of their own. */
type Built =
  | 'root'
  | 'start'
  | 'spawn'
  | 'call'
  | 'ping'
  | 'monitor'
  | 'realmCreate'
  | 'realmIssue'
  | 'demo'
  | 'join'
  | 'members'
  | 'topology'
  | 'dht'
  | 'stats'
  | 'events'

/** Their examples. */
export const EXAMPLES: Readonly<Record<Built, string>> = Object.freeze({
  root: `
Examples:
  $ fovea demo
  $ fovea realm create com.example.dev --out realm.json
  $ fovea start --name a --port 4433 --data-dir a --realm realm.json
  $ fovea start --name b --port 4434 --data-dir b --realm realm.json --seed a@127.0.0.1:4433
  $ fovea members --data-dir a
  $ fovea topology --data-dir a
  $ fovea spawn counter --node b --name hits --arg 10 --data-dir a
  $ fovea ref call hits add 5 --node b --data-dir a
  $ fovea subscribe 'shop.**' --data-dir a
  $ fovea publish shop.tea.sold 2 --data-dir b`,
  start: `
Examples:
  $ fovea start --name a --port 4433 --data-dir a --realm realm.json
  $ fovea start --name b --port 0 --data-dir b --realm realm.json --seed a@127.0.0.1:4433 --json
  $ fovea start --name gate --data-dir gate --realm realm.json --gateway --health-port 8080`,
  spawn: `
Examples:
  $ fovea spawn counter --name hits --arg 10 --data-dir a
  $ fovea spawn counter --node b --name hits --supervised --data-dir a`,
  call: `
Examples:
  $ fovea ref call hits add 5 --data-dir a
  $ fovea ref call hits get --node b --repeat 1000 --data-dir a`,
  ping: `
Examples:
  $ fovea ping b --data-dir a
  $ fovea ping b@127.0.0.1:4434 --timeout-ms 500 --data-dir a --json`,
  monitor: `
Examples:
  $ fovea ref monitor hits --data-dir a
  $ fovea ref monitor hits --node b --data-dir a --json`,
  realmCreate: `
Examples:
  $ fovea realm create com.example.dev --out realm.json
  $ fovea realm create com.example --out secret.json --public-out realm.json`,
  realmIssue: `
Examples:
  $ fovea realm issue 9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c --realm secret.json
  $ fovea realm issue 9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c --realm r.json --json`,
  demo: `
Examples:
  $ fovea demo
  $ fovea demo --json`,
  join: `
Examples:
  $ fovea join b@127.0.0.1:4434 --data-dir a
  $ fovea join 10.0.0.7:4433 --timeout-ms 30000 --data-dir a --json`,
  members: `
Examples:
  $ fovea members --data-dir a
  $ fovea members --watch --data-dir a
  $ fovea members --watch --json --data-dir a`,
  topology: `
Examples:
  $ fovea topology --data-dir a
  $ fovea topology --nodes-max 1000 --timeout-ms 30000 --data-dir a --json`,
  dht: `
Examples:
  $ fovea dht put hello --data-dir a
  $ fovea dht put 4434 --name port --data-dir a
  $ fovea dht get port --publisher a --data-dir b
  $ fovea dht withdraw --name port --data-dir a
  $ fovea dht provide printer --metadata color --data-dir a
  $ fovea dht providers printer --data-dir b
  $ fovea dht table --data-dir a
  $ fovea dht lookup c --trace --data-dir a`,
  stats: `
Examples:
  $ fovea stats --data-dir a
  $ fovea stats --data-dir a --json`,
  events: `
Examples:
  $ fovea events --data-dir a
  $ fovea events --node b --type suspect --type down --data-dir a
  $ fovea events --follow --by c --data-dir a --json`,
})
export const PUBLISH_EXAMPLES: string = `
Examples:
  $ fovea publish shop.tea.sold 2 --data-dir a
  $ fovea publish shop.tea.sold 2 --gateway gate@127.0.0.1:4433 --realm realm.json
  $ fovea publish shop.tea.price 3 --qos 1 --retain --data-dir a`
export const SUBSCRIBE_EXAMPLES: string = `
Examples:
  $ fovea subscribe 'shop.*.sold' --data-dir b
  $ fovea subscribe jobs.resize --group workers --data-dir b
  $ fovea subscribe 'shop.**' --count 1 --timeout-ms 5000 --data-dir b --json`
export const PRESENCE_EXAMPLES: string = `
Examples:
  $ fovea presence chat.room1 --data-dir a
  $ fovea presence chat.room1 --watch --data-dir a --json`
export const RPC_CALL_EXAMPLES: string = `
Examples:
  $ fovea call shop.price 5 --data-dir b
  $ fovea call io.fovea.diagnostics.hello --data-dir b
  $ fovea call shop.price 5 --timeout-ms 500 --data-dir b --json`
export const ADVERTISE_EXAMPLES: string = `
Examples:
  $ fovea advertise shop.price --reply 3 --data-dir a
  $ fovea advertise shop.open --reply true --data-dir a --json`
export const SERVICES_EXAMPLES: string = `
Examples:
  $ fovea services --data-dir a
  $ fovea services shop.price --data-dir b --json
  $ fovea services 'shop.**' --gateway gate@127.0.0.1:4433 --realm realm.json`
export const TOPICS_EXAMPLES: string = `
Examples:
  $ fovea topics --data-dir a
  $ fovea topics --data-dir a --json`
