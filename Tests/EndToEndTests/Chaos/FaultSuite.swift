// Kills everything, again and again, in the order of a seed. In the ordinary run of the tests each
// kind of fault comes once; `deploy/develop/chaos --minutes N --seed S` goes on for as long as you
// like.
import Foundation
import Testing

enum FaultSettings {
    /// LS_CHAOS_SEED; another seed is another order with other victims.
    static let seed = UInt64(ProcessInfo.processInfo.environment["LS_CHAOS_SEED"] ?? "") ?? 1
    /// LS_CHAOS_MINUTES; nil for one round.
    static let minutes = Double(ProcessInfo.processInfo.environment["LS_CHAOS_MINUTES"] ?? "")

    static let minutesMax = (minutes.map { Int($0.rounded(.up)) } ?? 0) + 15
}

@Suite(.timeLimit(.minutes(FaultSettings.minutesMax))) struct `Kill everything` {
    @Test func `two lscoord on PostgreSQL servers of your own lose nothing`() async throws {
        try await FaultSite.with(.servers, coordinators: 2, workers: 3) { site in
            try await FaultRun(site, name: "servers", seed: FaultSettings.seed).follow(
                FaultPlan(seed: FaultSettings.seed, of: Fault.ofServers),
                minutes: FaultSettings.minutes)
        }
    }

    /// Each version passes the gate that is no catastrophe, so that a champion moves every few
    /// seconds, whoever is killed meanwhile.
    @Test func `promotions decided while everything is killed are neither lost nor doubled`()
        async throws
    {
        try await FaultSite.with(.server, coordinators: 2, workers: 2) { site in
            let run = FaultRun(
                site, name: "decisions", seed: FaultSettings.seed, forcesPromotions: true)
            try await run.follow(
                FaultPlan(seed: FaultSettings.seed, of: Fault.ofDecisions), rounds: 2,
                minutes: FaultSettings.minutes)
        }
    }

    @Test func `lscoord on its embedded PostgreSQL loses nothing`() async throws {
        try await FaultSite.with(.embedded, coordinators: 1, workers: 2) { site in
            try await FaultRun(site, name: "embedded", seed: FaultSettings.seed).follow(
                FaultPlan(seed: FaultSettings.seed, of: Fault.ofEmbedded),
                minutes: FaultSettings.minutes)
        }
    }
}
