/**
 * The behaviours layer: servers, supervisors and registries on top of runtime processes.
 */
export type {
  Api,
  CallArgs,
  CallsOf,
  CastsOf,
  Contract,
  InputOf,
  InputsOf,
  Names,
  OutputOf,
  Ref,
  RefOf,
  Slot,
} from './server/contract.ts'
export { bareRef, contract, isContract, isRef, refContract } from './server/contract.ts'
export type { CheckedInput, SchemaIssue, SchemaResult, StandardSchema } from './server/schema.ts'
export { checkInput } from './server/schema.ts'
export type { After } from './server/results.ts'
export {
  IGNORE,
  ignore,
  Ignore,
  noreply,
  NoReply,
  ok,
  Ok,
  reply,
  Reply,
  stop,
  Stop,
} from './server/results.ts'
export type { Peer, ProcessOperations } from './server/process-operations.ts'
export type { Ctx, From, Info } from './server/server-context.ts'
export { processOf } from './server/server-context.ts'
export type { ProcessTarget, ServerOptions, StopOptions } from './server/gen.ts'
export { resolveTarget, stopProcess } from './server/gen.ts'
export type { ChildOptions, Common, Impl, InitResult, Maybe, Server } from './server/gen-server.ts'
export { implement } from './server/gen-server.ts'
export type { DefinedCall, DefinedCast, Inferred } from './server/define-server.ts'
export { defineServer } from './server/define-server.ts'
export type {
  Asks,
  Behaviour,
  CallResult,
  GenServerFunctions,
  GenServerRef,
  NamedCallOptions,
  NamedServer,
  ReplyOf,
  StateResult,
  UntypedTarget,
} from './server/message-server.ts'
export { GenServer } from './server/message-server.ts'
export type {
  Actions,
  AnswerAction,
  AnyAction,
  EnterAction,
  EventAction,
  HibernateAction,
  InitAction,
  Initial,
  KeepState,
  NextEventAction,
  NextState,
  PostponeAction,
  RepeatState,
  ReplyAction,
  StopAndReply,
  TimeoutAction,
  TimeoutTime,
} from './statem/gen-statem-results.ts'
export {
  answer,
  eventTimeout,
  genericTimeout,
  hibernate,
  initialState,
  keepState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  repeatState,
  repeatStateAndData,
  replyTo,
  stateTimeout,
  stopAndReply,
} from './statem/gen-statem-results.ts'
export type {
  CallEvent,
  CastEvent,
  InsertedEvent,
  StatemCtx,
  StatemEvent,
} from './statem/gen-statem-events.ts'
export type { StatemLimits } from './statem/gen-statem-options.ts'
export type {
  EnterResult,
  HandleEvent,
  PayloadHandler,
  StateFunctions,
  Statem,
  StatemInit,
  StatemResult,
} from './statem/gen-statem.ts'
export { implementHandleEvent, implementStatem } from './statem/gen-statem.ts'
export type {
  AnyApi,
  DefinedPayloadHandler,
  DefinedState,
  DefinedStateCall,
  DefinedStateCast,
  InferredStatem,
} from './statem/gen-statem-define.ts'
export { defineStatem } from './statem/gen-statem-define.ts'
export {
  BadActionError,
  BadEnterError,
  CallUnhandledError,
  EventLimitError,
  UnknownStateError,
} from './statem/gen-statem-errors.ts'
export { serverState } from './server/server-cell.ts'
export type {
  CheckedChildSpec,
  ChildContext,
  ChildSpec,
  ChildStarted,
  Shutdown,
} from './supervisor/child-spec.ts'
export { checkChildSpec, checkChildSpecs, isIgnored } from './supervisor/child-spec.ts'
export type {
  AutoShutdown,
  ChildView,
  ExitDecision,
  RestartPlan,
  RestartType,
  Strategy,
} from './supervisor/restart-strategy.ts'
export { decideExit, planRestart, shouldShutDown } from './supervisor/restart-strategy.ts'
export type { RestartIntensityOptions } from './supervisor/restart-intensity.ts'
export { RestartIntensity } from './supervisor/restart-intensity.ts'
export type {
  ChildCounts,
  ChildInfo,
  SupervisorApi,
  SupervisorRef,
} from './supervisor/supervisor-contract.ts'
export { SupervisorContract } from './supervisor/supervisor-contract.ts'
export type {
  SupervisorInit,
  SupervisorOptions,
  SupervisorPlace,
} from './supervisor/supervisor-options.ts'
export type {
  SupervisorChildOptions,
  SupervisorRequestOptions,
  SupervisorTarget,
} from './supervisor/supervisor-requests.ts'
export type { SupervisorFunctions } from './supervisor/supervisor.ts'
export { Supervisor } from './supervisor/supervisor.ts'
export type {
  DynamicChildSpec,
  DynamicSupervisorApi,
  DynamicSupervisorFunctions,
  DynamicSupervisorOptions,
  DynamicSupervisorRef,
} from './supervisor/dynamic-supervisor.ts'
export { DynamicSupervisor, DynamicSupervisorContract } from './supervisor/dynamic-supervisor.ts'
export type {
  PartitionInfo,
  PartitionSupervisorApi,
  PartitionSupervisorFunctions,
  PartitionSupervisorOptions,
  PartitionSupervisorRef,
  PartitionViaOptions,
} from './supervisor/partition-supervisor.ts'
export {
  PartitionSupervisor,
  PartitionSupervisorContract,
} from './supervisor/partition-supervisor.ts'
export { partitionOf } from './supervisor/partition-supervisor-key.ts'
export {
  ChildForeignError,
  ChildLimitError,
  ChildNotFoundError,
  ChildRequestError,
  ChildRunningError,
  ChildSharedError,
  ChildSpecError,
  ChildStartError,
  ChildStartTimeoutError,
  DuplicateChildError,
  PartitionNameError,
} from './supervisor/supervisor-errors.ts'
export type {
  RegistryApi,
  RegistryEvent,
  RegistryFunctions,
  RegistryHandle,
  RegistryOptions,
} from './registry/registry.ts'
export { Registry } from './registry/registry.ts'
export type { KeyedEntry, RegistryEntry } from './registry/registry-table.ts'
export { behavioursErrors } from './errors.ts'
export {
  AlreadyRegisteredKeyError,
  LockAbortedError,
  RegistryFullError,
  RegistryKindError,
  RegistryOwnerError,
  RegistryStoppedError,
} from './registry/registry-errors.ts'
export {
  BadReturnError,
  CallInputError,
  CallUnknownError,
  ContractError,
  HandlerMissingError,
  InitializationError,
  InitTimeoutError,
  NoParentError,
  StartAbortedError,
  StartIgnoredError,
  StopAbortedError,
  StopExitError,
  StopTimeoutError,
} from './server/server-errors.ts'
export type { EventHandlerKey } from './event/gen-event-errors.ts'
export {
  EventHandlerCrashedError,
  EventHandlerDuplicateError,
  EventHandlerInitError,
  EventHandlerLimitError,
  EventHandlerNotFoundError,
} from './event/gen-event-errors.ts'
export type {
  AnyHandlerSource,
  EventCallResult,
  EventCtx,
  EventHandler,
  EventHandlerExit,
  EventHandlerImpl,
  EventResult,
  EventSink,
  RemoveHandler,
  HandlerCtx,
  SwapArg,
  SwapHandler,
  SwapSource,
} from './event/gen-event-handler.ts'
export { defineEventHandler, removeHandler, swapHandler } from './event/gen-event-handler.ts'
export type {
  AddHandlerOptions,
  AddRequest,
  AddSupHandlerOptions,
  GenEventApi,
  GenEventChildOptions,
  GenEventFunctions,
  GenEventOptions,
  GenEventRef,
  HandlerArgs,
  HandlerState,
  HandlerTarget,
  NamedManager,
  SwapFrom,
  SwapRequest,
} from './event/gen-event.ts'
export { GenEvent, GenEventContract } from './event/gen-event.ts'
export type {
  StartedTask,
  TaskChildOptions,
  TaskFunctions,
  TaskOptions,
  TaskStartOptions,
  TaskStreamOptions,
} from './task/task.ts'
export { Task } from './task/task.ts'
export type { TaskContext, TaskFunction, TaskResult } from './task/task-process.ts'
export type { TaskOwner } from './task/task-owner.ts'
export type { StreamResult, StreamSource, TaskStream } from './task/task-stream.ts'
export type {
  TaskShutdownOptions,
  TaskValues,
  TaskWaitOptions,
  TaskYields,
  YieldManyOptions,
} from './task/task-wait.ts'
export type { TaskUse } from './task/task-errors.ts'
export {
  TaskAbortedError,
  TaskExecutionError,
  TaskOwnerError,
  TaskRemoteError,
  TaskTakenError,
  TaskTimeoutError,
} from './task/task-errors.ts'
export type {
  MultiCallOptions,
  MultiCallResult,
  MultiTarget,
  SendOptions,
} from './server/multi-call.ts'
export type {
  CallResponse,
  LabelledResponse,
  NoRequest,
  ResponseOptions,
  ResponseTimeout,
} from './server/requests.ts'
export { RequestId, RequestIds } from './server/requests.ts'
export { ResponseAbortedError } from './server/request-errors.ts'
export type { SysFunctions, TraceLog } from './sys/sys.ts'
export { sys } from './sys/sys.ts'
export type { SysOptions, SysRequestOptions } from './sys/sys-target.ts'
export type { ProcessStatus } from './sys/sys-status.ts'
export type { Statistics, TimeStatistics } from './sys/sys-statistics.ts'
export type {
  LogOptions,
  Trace,
  TraceBufferOptions,
  TraceEvent,
  TraceOptions,
  TraceSink,
} from './sys/sys-trace.ts'
export { TraceBuffer } from './sys/sys-trace.ts'
export type { ProcessTree, TreeNode, TreeOptions } from './sys/sys-tree.ts'
export {
  SysCallbackError,
  SysRemoteError,
  SysStateError,
  SysUnsupportedError,
} from './sys/sys-errors.ts'
export type {
  SupervisedChildOptions,
  SupervisedTaskOptions,
  TaskSupervisorFunctions,
  TaskSupervisorOptions,
  TaskSupervisorRef,
} from './task/task-supervisor.ts'
export { TaskSupervisor } from './task/task-supervisor.ts'
export type { AgentFunctions, AgentRef, AgentTarget } from './agent/agent.ts'
export { Agent } from './agent/agent.ts'
export { AgentRemoteError } from './agent/agent-errors.ts'
export type { MachineOptions } from './machine/machine.ts'
export { fromMachine } from './machine/machine.ts'
export type {
  MachineApi,
  MachineContext,
  MachineEvent,
  MachineEventLike,
  MachineInput,
  MachineLike,
  MachineMatch,
  MachineOutput,
  MachineServer,
  MachineSnapshot,
  MachineState,
  MachineStep,
  MachineTag,
  MachineTransition,
  MachineValue,
} from './machine/machine-types.ts'
export {
  MachineEventError,
  MachineInvalidError,
  MachineLimitError,
} from './machine/machine-errors.ts'
export {
  PoolFullError,
  PoolOwnerError,
  PoolStoppedError,
  PoolTimeoutError,
  PoolWorkerError,
} from './pool/pool-errors.ts'
export type { HandBack, PoolCounts, PoolStrategy } from './pool/pool-core.ts'
export type {
  CheckinRequest,
  CheckoutRequest,
  PoolApi,
  PoolStatus,
  PoolWorker,
} from './pool/pool-server.ts'
export type {
  CheckoutOptions,
  PoolChildOptions,
  PoolFunctions,
  PoolLease,
  PoolOptions,
  PoolRef,
  PoolTarget,
} from './pool/pool.ts'
export { Pool } from './pool/pool.ts'
export type {
  OutlineConfig,
  OutlineNode,
  OutlineTransition,
  StatemNotes,
  StatemOutline,
  StateOutline,
} from './machine/machine-outline.ts'
export { toMachine } from './machine/machine-outline.ts'
export {
  ApplicationAlreadyRunningError,
  ApplicationCycleError,
  ApplicationNameTakenError,
  ApplicationNotRunningError,
  ApplicationStartError,
  ApplicationUnknownError,
} from './application/application-errors.ts'
export type {
  AnyApplication,
  ApplicationCtx,
  ApplicationDefinition,
  ApplicationRoot,
  ApplicationSpec,
  ApplicationType,
} from './application/application-definition.ts'
export { defineApplication } from './application/application-definition.ts'
export type { ApplicationInfo } from './application/application-controller.ts'
export type {
  ApplicationFunctions,
  ApplicationStartOptions,
  EnsuredStart,
} from './application/application.ts'
export { Application } from './application/application.ts'
export type { SignalSource } from './application/application-signals.ts'
export { operatingSystem } from './application/application-signals.ts'
export type { RunApplicationOptions, RunStatus } from './application/application-run.ts'
export { runApplication } from './application/application-run.ts'
