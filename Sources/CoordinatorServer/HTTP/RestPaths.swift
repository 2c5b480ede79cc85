// Every path there is and its methods, so that another method is told from another path.
import HTTPTypes
import WorkerWire

enum RestPaths {
    static let rerank = ["/v1/rerank", "/rerank", "/v2/rerank"]
    static let batch = "/v1/rerank/batch"
    static let prefetch = "/v1/prefetch"
    static let models = "/v1/models"
    static let featureSets = "/v1/feature-sets"
    static let baseModels = "/v1/base-models/"
    static let live = ["/health", "/livez"]
    static let ready = "/readyz"
    static let metrics = "/metrics"
    static let description = "/openapi.json"

    private static let methods: [String: HTTPRequest.Method] = {
        var methods: [String: HTTPRequest.Method] = [:]
        for path in rerank + [batch, prefetch, featureSets, JoinPaths.join, JoinPaths.recover] {
            methods[path] = .post
        }
        for path in live + [ready, metrics, models, description, JoinPaths.authority] {
            methods[path] = .get
        }
        return methods
    }()

    /// The method that a path is for; nil when there is no such path.
    static func method(of path: String) -> HTTPRequest.Method? {
        methods[path] ?? (baseModel(ofCanaryAt: path) == nil ? nil : .get)
    }

    /// The base model whose canary a path means, as it is written there: names may have slashes.
    static func baseModel(ofCanaryAt path: String) -> Substring? {
        let end = "/canary"
        guard path.hasPrefix(baseModels), path.hasSuffix(end),
            path.utf8.count > baseModels.utf8.count + end.utf8.count
        else { return nil }
        return path.dropFirst(baseModels.count).dropLast(end.count)
    }
}
