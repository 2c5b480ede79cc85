// A served or shadow-scored request as it is kept.
import LanguageSystem
import Ledger
import RankerMath
import Rankers

extension Decision {
    /// - Parameter precision: The precision it was scored in here; nil: a worker scored it.
    init(
        _ request: RerankRequest, _ caller: RerankCaller, _ role: RoutePlan.Role, _ route: Route,
        _ scores: [Float], _ precision: Precision?, isFallback: Bool
    ) {
        self.init(
            requestID: caller.requestID, keyID: caller.keyID, role: role, model: request.model,
            user: request.user,
            domain: request.domain, versionID: route.versionID, reason: route.reason,
            rule: route.rule, isFallback: isFallback,
            workerID: precision == nil ? route.worker?.id : nil,
            arithmetic: (precision ?? .float32).rawValue, hiddenSize: request.hiddenSize,
            dtype: request.dtype.rawValue, features: Array(request.features), scores: scores,
            signals: request.signals, aggregate: request.aggregate.rawValue)
    }
}
