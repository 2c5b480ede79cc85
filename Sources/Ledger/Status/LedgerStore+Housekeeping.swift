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
    /// Moves up to `countMax` ended tasks to the archive, drops what is no longer kept, and has the
    /// promotion gate look at what waits.
    ///
    /// - Parameter archivesOnly: Whether only tasks are moved, because the rest was done a moment
    ///   ago.
    /// - Returns: What was done; nil while another coordinator does housekeeping.
    public func housekeep(countMax: Int = 1_000, archivesOnly: Bool = false)
        async throws(LanguageSystemError) -> HousekeepingReport?
    {
        try await call("select * from ls.housekeep($1, $2)", countMax, archivesOnly) { rows in
            try rows.first.map {
                HousekeepingReport(
                    archivedCount: try $0.decode("archived"), prunedMonths: try $0.decode("pruned"))
            }
        }
    }
}
