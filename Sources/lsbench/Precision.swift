// `--precision`: refused where the processor would silently compute in another one.
public import ArgumentParser
import LanguageSystem
public import RankerMath

extension Precision: ExpressibleByArgument {
    /// - Throws: `invalidArgument` when this processor does not support the precision.
    func check(for work: String) throws(LanguageSystemError) {
        guard available == self else {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot \(work) in \(rawValue): this processor lacks its products (AVX-512 BF16)")
        }
    }
}
