// The connections of the HTTPS surface. Requests are handled where their bytes arrive: the handlers
// of a connection run on its event loop's thread rather than on Swift's pool, so that a body in
// pieces does not wake another thread for each. What takes long (scoring, reading weights) has
// threads of its own.
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

struct OnEventLoop<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    private let routes: RerankRoutes
    private let log: Logger
    private let executors: [ObjectIdentifier: EventLoopExecutor]

    init(_ base: Base, of group: any EventLoopGroup, routes: RerankRoutes, logger: Logger) {
        self.base = base
        self.routes = routes
        log = logger
        executors = Dictionary(
            group.makeIterator().map { (ObjectIdentifier($0), EventLoopExecutor($0)) },
            uniquingKeysWith: { first, _ in first })
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            // Where requests have become parts, before they become streams.
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandlers(
                IdleStateHandler(
                    readTimeout: RerankShortcut.bodyPause, allTimeout: RerankShortcut.idleTimeout),
                RerankShortcut(routes, logger: log), position: .after(decoder))
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        let executor = executors[ObjectIdentifier(value.channel.eventLoop)]
        await withTaskExecutorPreference(executor) {
            await base.handle(value: value, logger: logger)
        }
    }
}

private final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
