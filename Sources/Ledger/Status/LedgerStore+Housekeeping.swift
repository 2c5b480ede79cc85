// What nobody asks for and somebody must do.
public import LanguageSystem
import PostgresAccess

/// The result of one step of housekeeping.
public struct HousekeepingReport: Sendable, Hashable {
    /// The number of tasks that were moved to the archive.
    public let archivedCount: Int
    /// The months of the archive that were dropped.
    public let prunedMonths: [String]
}

extension LedgerStore {
    /// Moves up to `countMax` ended tasks to the archive, and drops months that are no longer kept.
    ///
    /// - Returns: What was done; nil while another coordinator does housekeeping.
    public func housekeep(countMax: Int = 1_000) async throws(LanguageSystemError)
        -> HousekeepingReport?
    {
        try await call("select * from ls.housekeep($1)", countMax) { rows in
            try rows.first.map {
                HousekeepingReport(
                    archivedCount: try $0.decode("archived"), prunedMonths: try $0.decode("pruned"))
            }
        }
    }
}
