// The hints that spare others their polling: which channel says what, and only after the commit.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Ledger notifications` {
    @Test func `notifications say what changed: a task, alias, lease, rule, key or connection`()
        async throws
    {
        try await TestLedger.with { ledger in
            let listener = Listener(
                ConnectionConfiguration(ledger.database.connectionInfo), logger: TestLedger.quiet)
            var events = listener.events(on: [
                "ls_task", "ls_alias", "ls_cancel", "ls_route", "ls_key", "ls_presence",
            ])
            .makeAsyncIterator()
            #expect(await events.next() == .reconnected)

            let lease = try await ledger.leaseTraining("code")
            #expect(await events.next() == .notification(channel: "ls_task", payload: "train"))
            try await ledger.store.cancelTask(lease.taskID, because: "enough")
            #expect(
                await events.next()
                    == .notification(channel: "ls_cancel", payload: lease.token.description))
            try await ledger.champion(of: "code.listwise")
            #expect(await events.next() == .notification(channel: "ls_alias", payload: "1"))
            try await ledger.store.addRouteRule(
                RouteRule(name: "r", action: .pin, target: "code.listwise"))
            #expect(await events.next() == .notification(channel: "ls_route", payload: ""))
            _ = try await ledger.store.createAPIKey("app")
            guard case .notification("ls_key", _) = await events.next() else {
                Issue.record("a key was made and nobody said so")
                return
            }
            _ = try await ledger.store.workerConnected(
                try await ledger.worker("moving"),
                WorkerHello(programVersion: "test", capacity: 1, taskKinds: []), to: "one")
            #expect(await events.next() == .notification(channel: "ls_presence", payload: ""))
        }
    }
}
