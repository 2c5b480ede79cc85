// In which type the large products are computed. The one place that says what this build can do.
import ArgumentParser
import LanguageSystem

enum BenchPrecision: String, CaseIterable, ExpressibleByArgument {
    case float32, bfloat16

    /// - Throws: `invalidArgument` for what the rankers do not offer.
    func check(for work: String) throws(CoordinatorError) {
        guard self == .float32 else {
            throw CoordinatorError(
                .invalidArgument,
                "cannot \(work) in \(rawValue): the products of matrices are float32 only")
        }
    }
}
