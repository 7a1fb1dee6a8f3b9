/**
 * Fovea: processes, servers, supervisors and registries for TypeScript, with the semantics of Erlang/OTP.
 *
 * This entry is what a program on one machine needs. Nodes that find and call each other are in
 * `fovea/dist`, the mesh below them in `fovea/mesh`, virtual time and a simulated network in
 * `fovea/simulation`.
 *
 * @example
 * const Counter = defineServer({
 *   init: (start: number) => start,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: { reset: () => noreply(0) },
 * })
 * const counter = await Counter.start(10)
 * await counter.call.add(5) // 15
 */

// Systems and processes
export type {
  CallOptions,
  DemonitorOptions,
  MailboxPolicy,
  Match,
  Monitored,
  MonitorRef,
  MonitorTarget,
  Pid,
  Process,
  ProcessBody,
  ProcessContext,
  Received,
  ReceiveOptions,
  RemoteName,
  StartOptions,
  System,
  SystemOptions,
  SystemStats,
  Target,
  TimerOptions,
  TimerRef,
  Via,
} from './runtime/index.ts'
export {
  createSystem,
  defaultSystem,
  formatPid,
  homeOf,
  isPid,
  isVia,
  pidEquals,
  pidKey,
  self,
  SYSTEM_DEFAULTS,
} from './runtime/index.ts'

// Tables
export type {
  AnyTable,
  CounterStep,
  KeyPattern,
  OrderedTable,
  SelectOptions,
  SetTable,
  Table,
  TableAccess,
  TableCursor,
  TableHeir,
  TableInfo,
  TableKey,
  TableMatch,
  TableOptions,
  TablePattern,
  TableRange,
  Tables,
  TableTransfer,
  TableType,
  ValuePattern,
  Where,
} from './runtime/index.ts'

// Exit reasons
export type { ExitReason, NoCatch } from './runtime/index.ts'
export { exit, formatReason, isCleanExit, isShutdown } from './runtime/index.ts'

// Time, chance, log, observation
export type {
  Clock,
  ClockTimer,
  DropReason,
  Entropy,
  Logger,
  LogMethod,
  LongHandlerEvent,
  MessageDroppedEvent,
  ProcessEvent,
  ProcessExitEvent,
} from './runtime/index.ts'
export {
  createRealClock,
  createSystemEntropy,
  inspectChannels,
  silentLogger,
  withFields,
} from './runtime/index.ts'

// Errors of the runtime
export type { ErrorCatalogue, ErrorEntry, FailedCall, FoveaErrorOptions } from './runtime/index.ts'
export {
  AlreadyStartedError,
  ArgumentError,
  CallAbortedError,
  CallError,
  CallExitError,
  CallTimeoutError,
  FoveaError,
  InvariantError,
  LimitError,
  MailboxFullError,
  NameError,
  NoProcessError,
  OptionError,
  ReceiveTimeoutError,
  runtimeErrors,
  SystemStoppedError,
  TableError,
} from './runtime/index.ts'

// Contracts and servers
export type {
  After,
  Api,
  Asks,
  Behaviour,
  CallArgs,
  CallResult,
  CallsOf,
  CastsOf,
  ChildOptions,
  Common,
  Contract,
  Ctx,
  DefinedCall,
  DefinedCast,
  From,
  GenServerFunctions,
  GenServerRef,
  Impl,
  Inferred,
  Info,
  InitResult,
  InputOf,
  InputsOf,
  Maybe,
  NamedCallOptions,
  NamedServer,
  Names,
  OutputOf,
  Peer,
  ProcessOperations,
  ProcessTarget,
  Ref,
  RefOf,
  ReplyOf,
  SchemaIssue,
  SchemaResult,
  Server,
  ServerOptions,
  Slot,
  StandardSchema,
  StateResult,
  StopOptions,
} from './behaviours/index.ts'
export {
  bareRef,
  contract,
  defineServer,
  GenServer,
  IGNORE,
  ignore,
  Ignore,
  implement,
  isRef,
  noreply,
  NoReply,
  ok,
  Ok,
  refContract,
  reply,
  Reply,
  stop,
  Stop,
} from './behaviours/index.ts'

// Supervisors and registries
export type {
  AutoShutdown,
  ChildContext,
  ChildCounts,
  ChildInfo,
  ChildSpec,
  ChildStarted,
  KeyedEntry,
  RegistryApi,
  RegistryEntry,
  RegistryEvent,
  RegistryFunctions,
  RegistryHandle,
  RegistryOptions,
  RestartType,
  Shutdown,
  Strategy,
  SupervisorApi,
  SupervisorChildOptions,
  SupervisorFunctions,
  SupervisorOptions,
  SupervisorRef,
  SupervisorRequestOptions,
  SupervisorTarget,
} from './behaviours/index.ts'
export { Registry, Supervisor, SupervisorContract } from './behaviours/index.ts'

// Dynamic and partition supervisors
export type {
  DynamicChildSpec,
  DynamicSupervisorApi,
  DynamicSupervisorFunctions,
  DynamicSupervisorOptions,
  DynamicSupervisorRef,
  PartitionInfo,
  PartitionSupervisorApi,
  PartitionSupervisorFunctions,
  PartitionSupervisorOptions,
  PartitionSupervisorRef,
  PartitionViaOptions,
  SupervisorInit,
  SupervisorPlace,
} from './behaviours/index.ts'
export {
  ChildRequestError,
  ChildSharedError,
  ChildStartTimeoutError,
  DynamicSupervisor,
  DynamicSupervisorContract,
  PartitionNameError,
  partitionOf,
  PartitionSupervisor,
  PartitionSupervisorContract,
} from './behaviours/index.ts'

// Errors of the behaviours
export {
  AlreadyRegisteredKeyError,
  BadReturnError,
  behavioursErrors,
  CallInputError,
  CallUnknownError,
  ChildLimitError,
  ChildNotFoundError,
  ChildRunningError,
  ChildSpecError,
  ChildStartError,
  ContractError,
  DuplicateChildError,
  HandlerMissingError,
  InitializationError,
  InitTimeoutError,
  LockAbortedError,
  NoParentError,
  RegistryFullError,
  RegistryKindError,
  RegistryOwnerError,
  RegistryStoppedError,
  StartAbortedError,
  StartIgnoredError,
  StopAbortedError,
  StopExitError,
  StopTimeoutError,
} from './behaviours/index.ts'

// Event managers
export type {
  AddHandlerOptions,
  AddSupHandlerOptions,
  EventCallResult,
  EventCtx,
  EventHandler,
  EventHandlerExit,
  EventHandlerImpl,
  EventHandlerKey,
  EventResult,
  EventSink,
  HandlerCtx,
  GenEventApi,
  GenEventChildOptions,
  GenEventFunctions,
  GenEventOptions,
  GenEventRef,
  HandlerArgs,
  HandlerState,
  HandlerTarget,
  NamedManager,
  SwapArg,
  SwapFrom,
  SwapSource,
} from './behaviours/index.ts'
export {
  defineEventHandler,
  EventHandlerCrashedError,
  EventHandlerDuplicateError,
  EventHandlerInitError,
  EventHandlerLimitError,
  EventHandlerNotFoundError,
  GenEvent,
  GenEventContract,
  removeHandler,
  RemoveHandler,
  swapHandler,
  SwapHandler,
} from './behaviours/index.ts'

// Tasks and agents
export type {
  StartedTask,
  StreamResult,
  StreamSource,
  SupervisedChildOptions,
  SupervisedTaskOptions,
  TaskChildOptions,
  TaskContext,
  TaskFunction,
  TaskFunctions,
  TaskOptions,
  TaskOwner,
  TaskResult,
  TaskShutdownOptions,
  TaskStartOptions,
  TaskStream,
  TaskStreamOptions,
  TaskSupervisorFunctions,
  TaskSupervisorOptions,
  TaskSupervisorRef,
  TaskUse,
  TaskValues,
  TaskWaitOptions,
  TaskYields,
  YieldManyOptions,
} from './behaviours/index.ts'
export {
  Task,
  TaskAbortedError,
  TaskExecutionError,
  TaskOwnerError,
  TaskRemoteError,
  TaskSupervisor,
  TaskTakenError,
  TaskTimeoutError,
} from './behaviours/index.ts'

// Many servers at once, requests answered later
export type {
  CallResponse,
  LabelledResponse,
  MultiCallOptions,
  MultiCallResult,
  MultiTarget,
  NoRequest,
  RequestId,
  ResponseOptions,
  ResponseTimeout,
} from './behaviours/index.ts'
export { RequestIds, ResponseAbortedError } from './behaviours/index.ts'

// Looking into running processes
export type { DebugChild, ProcessActivity, ProgramDebug } from './runtime/index.ts'
export type {
  LogOptions,
  ProcessStatus,
  ProcessTree,
  Statistics,
  SysFunctions,
  SysOptions,
  SysRequestOptions,
  TimeStatistics,
  Trace,
  TraceBufferOptions,
  TraceEvent,
  TraceLog,
  TraceOptions,
  TraceSink,
  TreeNode,
  TreeOptions,
} from './behaviours/index.ts'
export {
  sys,
  SysCallbackError,
  SysRemoteError,
  SysStateError,
  SysUnsupportedError,
  TraceBuffer,
} from './behaviours/index.ts'
