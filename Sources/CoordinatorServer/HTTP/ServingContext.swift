// What every request of the router carries along: its head, with the id that its answer says.
import HTTPTypes
import Hummingbird
import NIOCore

struct ServingContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Read by `RequestFrame`, before any handler runs.
    var head = RequestHead(HTTPFields())

    var requestID: String { head.identity.id }

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
