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
} from './contract.ts'
export { bareRef, contract, isRef, refContract } from './contract.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './schema.ts'
export type { After } from './results.ts'
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
} from './results.ts'
export type { Peer, ProcessOperations } from './process-operations.ts'
export type { Ctx, From, Info } from './server-context.ts'
export { processOf } from './server-context.ts'
export type { ProcessTarget, ServerOptions, StopOptions } from './gen.ts'
export { resolveTarget, stopProcess } from './gen.ts'
export type { ChildOptions, Common, Impl, InitResult, Maybe, Server } from './gen-server.ts'
export { implement } from './gen-server.ts'
export type { DefinedCall, DefinedCast, Inferred } from './define-server.ts'
export { defineServer } from './define-server.ts'
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
} from './message-server.ts'
export { GenServer } from './message-server.ts'
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
} from './gen-statem-results.ts'
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
} from './gen-statem-results.ts'
export type {
  CallEvent,
  CastEvent,
  InsertedEvent,
  StatemCtx,
  StatemEvent,
} from './gen-statem-events.ts'
export type { StatemLimits } from './gen-statem-options.ts'
export type {
  EnterResult,
  HandleEvent,
  PayloadHandler,
  StateFunctions,
  Statem,
  StatemInit,
  StatemResult,
} from './gen-statem.ts'
export { implementHandleEvent, implementStatem } from './gen-statem.ts'
export type {
  AnyApi,
  DefinedPayloadHandler,
  DefinedState,
  DefinedStateCall,
  DefinedStateCast,
  InferredStatem,
} from './gen-statem-define.ts'
export { defineStatem } from './gen-statem-define.ts'
export {
  BadActionError,
  BadEnterError,
  CallUnhandledError,
  EventLimitError,
  UnknownStateError,
} from './gen-statem-errors.ts'
export { serverState } from './server-cell.ts'
export type {
  CheckedChildSpec,
  ChildContext,
  ChildSpec,
  ChildStarted,
  Shutdown,
} from './child-spec.ts'
export { checkChildSpec, checkChildSpecs, isIgnored } from './child-spec.ts'
export type {
  AutoShutdown,
  ChildView,
  ExitDecision,
  RestartPlan,
  RestartType,
  Strategy,
} from './restart-strategy.ts'
export { decideExit, planRestart, shouldShutDown } from './restart-strategy.ts'
export type { RestartIntensityOptions } from './restart-intensity.ts'
export { RestartIntensity } from './restart-intensity.ts'
export type { ChildCounts, ChildInfo, SupervisorApi, SupervisorRef } from './supervisor-contract.ts'
export { SupervisorContract } from './supervisor-contract.ts'
export type { SupervisorInit, SupervisorOptions, SupervisorPlace } from './supervisor-options.ts'
export type {
  SupervisorChildOptions,
  SupervisorRequestOptions,
  SupervisorTarget,
} from './supervisor-requests.ts'
export type { SupervisorFunctions } from './supervisor.ts'
export { Supervisor } from './supervisor.ts'
export type {
  DynamicChildSpec,
  DynamicSupervisorApi,
  DynamicSupervisorFunctions,
  DynamicSupervisorOptions,
  DynamicSupervisorRef,
} from './dynamic-supervisor.ts'
export { DynamicSupervisor, DynamicSupervisorContract } from './dynamic-supervisor.ts'
export type {
  PartitionInfo,
  PartitionSupervisorApi,
  PartitionSupervisorFunctions,
  PartitionSupervisorOptions,
  PartitionSupervisorRef,
  PartitionViaOptions,
} from './partition-supervisor.ts'
export { PartitionSupervisor, PartitionSupervisorContract } from './partition-supervisor.ts'
export { partitionOf } from './partition-supervisor-key.ts'
export {
  ChildRequestError,
  ChildForeignError,
  ChildSharedError,
  ChildStartTimeoutError,
  PartitionNameError,
} from './supervisor-errors.ts'
export type {
  RegistryApi,
  RegistryEvent,
  RegistryFunctions,
  RegistryHandle,
  RegistryOptions,
} from './registry.ts'
export { Registry } from './registry.ts'
export type { KeyedEntry, RegistryEntry } from './registry-table.ts'
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
} from './errors.ts'
export type { EventHandlerKey } from './gen-event-errors.ts'
export {
  EventHandlerCrashedError,
  EventHandlerDuplicateError,
  EventHandlerInitError,
  EventHandlerLimitError,
  EventHandlerNotFoundError,
} from './gen-event-errors.ts'
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
} from './gen-event-handler.ts'
export { defineEventHandler, removeHandler, swapHandler } from './gen-event-handler.ts'
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
} from './gen-event.ts'
export { GenEvent, GenEventContract } from './gen-event.ts'
export type {
  StartedTask,
  TaskChildOptions,
  TaskFunctions,
  TaskOptions,
  TaskStartOptions,
  TaskStreamOptions,
} from './task.ts'
export { Task } from './task.ts'
export type { TaskContext, TaskFunction, TaskResult } from './task-process.ts'
export type { TaskOwner } from './task-owner.ts'
export type { StreamResult, StreamSource, TaskStream } from './task-stream.ts'
export type {
  TaskShutdownOptions,
  TaskValues,
  TaskWaitOptions,
  TaskYields,
  YieldManyOptions,
} from './task-wait.ts'
export type { TaskUse } from './task-errors.ts'
export {
  TaskAbortedError,
  TaskExecutionError,
  TaskOwnerError,
  TaskRemoteError,
  TaskTakenError,
  TaskTimeoutError,
} from './task-errors.ts'
export type { MultiCallOptions, MultiCallResult, MultiTarget, SendOptions } from './multi-call.ts'
export type {
  CallResponse,
  LabelledResponse,
  NoRequest,
  RequestId,
  ResponseOptions,
  ResponseTimeout,
} from './requests.ts'
export { RequestIds } from './requests.ts'
export { ResponseAbortedError } from './request-errors.ts'
export type { SysFunctions, TraceLog } from './sys.ts'
export { sys } from './sys.ts'
export type { SysOptions, SysRequestOptions } from './sys-target.ts'
export type { ProcessStatus } from './sys-status.ts'
export type { Statistics, TimeStatistics } from './sys-statistics.ts'
export type {
  LogOptions,
  Trace,
  TraceBufferOptions,
  TraceEvent,
  TraceOptions,
  TraceSink,
} from './sys-trace.ts'
export { TraceBuffer } from './sys-trace.ts'
export type { ProcessTree, TreeNode, TreeOptions } from './sys-tree.ts'
export {
  SysCallbackError,
  SysRemoteError,
  SysStateError,
  SysUnsupportedError,
} from './sys-errors.ts'
export type {
  SupervisedChildOptions,
  SupervisedTaskOptions,
  TaskSupervisorFunctions,
  TaskSupervisorOptions,
  TaskSupervisorRef,
} from './task-supervisor.ts'
export { TaskSupervisor } from './task-supervisor.ts'
export type { AgentFunctions, AgentRef, AgentTarget } from './agent.ts'
export { Agent } from './agent.ts'
export { AgentRemoteError } from './agent-errors.ts'
export type { MachineOptions } from './machine.ts'
export { fromMachine } from './machine.ts'
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
} from './machine-types.ts'
export { MachineEventError, MachineInvalidError, MachineLimitError } from './machine-errors.ts'
export {
  PoolFullError,
  PoolOwnerError,
  PoolStoppedError,
  PoolTimeoutError,
  PoolWorkerError,
} from './pool-errors.ts'
export type { HandBack, PoolCounts, PoolStrategy } from './pool-core.ts'
export type {
  CheckinRequest,
  CheckoutRequest,
  PoolApi,
  PoolStatus,
  PoolWorker,
} from './pool-server.ts'
export type {
  CheckoutOptions,
  PoolChildOptions,
  PoolFunctions,
  PoolLease,
  PoolOptions,
  PoolRef,
  PoolTarget,
} from './pool.ts'
export { Pool } from './pool.ts'
export type {
  OutlineConfig,
  OutlineNode,
  OutlineTransition,
  StatemNotes,
  StatemOutline,
  StateOutline,
} from './machine-outline.ts'
export { toMachine } from './machine-outline.ts'
export {
  ApplicationAlreadyRunningError,
  ApplicationCycleError,
  ApplicationNameTakenError,
  ApplicationNotRunningError,
  ApplicationStartError,
  ApplicationUnknownError,
} from './application-errors.ts'
export type {
  AnyApplication,
  ApplicationCtx,
  ApplicationDefinition,
  ApplicationRoot,
  ApplicationSpec,
  ApplicationType,
} from './application-definition.ts'
export { defineApplication } from './application-definition.ts'
export type { ApplicationInfo } from './application-controller.ts'
export type { ApplicationFunctions, ApplicationStartOptions, EnsuredStart } from './application.ts'
export { Application } from './application.ts'
export type { SignalSource } from './application-signals.ts'
export { operatingSystem } from './application-signals.ts'
export type { RunApplicationOptions, RunStatus } from './application-run.ts'
export { runApplication } from './application-run.ts'
