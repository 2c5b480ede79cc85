// What is looked at before anybody scores a request: its size, its numbers, and what the caller's
// key lets it ask.
import LanguageSystem
import Ledger
import RankerMath
import Rankers

extension RerankRequest {
    /// Groups of at most so many numbers are scored on the thread that they arrived on: about 60
    /// candidates of width 4096, a few tenths of a millisecond.
    private static let smallCountMax = 1 << 18

    /// Whether it is scored on the thread that it arrived on.
    var isSmall: Bool { (candidateCount + 1) * hiddenSize <= Self.smallCountMax }

    /// Looks at the numbers of a request that nobody scores here; whoever does, looks as well.
    ///
    /// - Throws: `invalidFeatures` with the candidate.
    func checkFeatures() throws(LanguageSystemError) {
        let result = features.withUnsafeBytes { bytes in
            Result<Void, LanguageSystemError> { () throws(LanguageSystemError) in
                try GroupFeatures(
                    bytes: bytes, dtype: dtype, candidateCount: candidateCount, width: hiddenSize
                ).check(to: "rerank")
            }
        }
        try result.get()
    }

    /// The request as the key lets it be: a key of one user's is that user's, one of a single
    /// domain's that domain's.
    ///
    /// - Throws: `unknownBaseModel` for a model that cannot be a name; `invalidArgument`,
    ///   `notPermitted` for the user.
    func permitted(by scope: KeyScope) throws(LanguageSystemError) -> RerankRequest {
        guard model.isPossibleName else { throw .unknownModel(model) }
        var request = self
        (request.user, request.domain) = try scope.checked(user: user, domain: domain)
        return request
    }
}

extension KeyScope {
    /// The user and domain that a request of this key is for.
    ///
    /// - Throws: `invalidArgument`, `notPermitted`.
    func checked(user: String?, domain: DomainName?) throws(LanguageSystemError) -> (
        user: String?, domain: DomainName?
    ) {
        let user = user ?? (users?.count == 1 ? users?.first : nil)
        let domain =
            domain ?? (domains?.count == 1 ? domains?.first : nil).flatMap { try? DomainName($0) }
        // As the ledger takes them: what is kept by user is bounded.
        guard user?.isPossibleName(ofAtMost: 200) != false else { throw .impossibleUser() }
        if let user, !permits(user: user) { throw .userNotPermitted() }
        // Of no domain is outside of those that it is for, too.
        guard domain != nil || domains == nil else { throw .domainMissing() }
        if let domain, !permits(domain: domain) { throw .domainNotPermitted() }
        return (user, domain)
    }
}

extension LanguageSystemError {
    static func impossibleUser() -> Self {
        Self(
            .invalidArgument,
            """
            cannot rerank for this user: found a name that is longer than 200 characters or has a \
            control character
            """
        )
    }
}
