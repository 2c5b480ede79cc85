// A queue as plain as can be, driven by pgbench on the same server: the same rows locked, changed
// and added for each task in one transaction, with no function, trigger, check or foreign key. What
// the machine and PostgreSQL give at best.
import Foundation
import LanguageSystem
import PostgresAccess

struct PeerQueue: Sendable {
    let database: BenchDatabase

    private static let script = """
        begin;
        select job_id as job from lsbench.job where state = 'waiting' order by priority, job_id \
        limit 1 for no key update skip locked \\gset
        insert into lsbench.attempt (job_id, worker_id) values (:job, :client_id) returning token \
        \\gset
        update lsbench.job set state = 'leased', attempt_count = attempt_count + 1 where job_id = \
        :job;
        update lsbench.attempt set state = 'succeeded', ended_at = clock_timestamp() where job_id \
        = :job and number = 1;
        insert into lsbench.result (job_id, report) values (:job, '{}');
        update lsbench.job set state = 'done', ended_at = clock_timestamp() where job_id = :job;
        commit;

        """

    func prepare(_ count: Int) async throws {
        let count = Int64(count)
        _ = try await database.pool.withConnection { connection in
            try connection.executeScript(
                """
                drop schema if exists lsbench cascade;
                create schema lsbench;
                create table lsbench.job (job_id bigint generated always as identity primary key,
                    state text not null default 'waiting', priority smallint not null default 0,
                    attempt_count integer not null default 0, ended_at timestamptz) with \
                (fillfactor = 70);
                create index on lsbench.job (priority, job_id) where state = 'waiting';
                create table lsbench.attempt (job_id bigint not null, number integer not null \
                default 1,
                    token uuid not null default gen_random_uuid() unique, worker_id bigint not null,
                    state text not null default 'open', ended_at timestamptz,
                    primary key (job_id, number)) with (fillfactor = 50);
                create table lsbench.result (result_id bigint generated always as identity primary \
                key,
                    job_id bigint not null unique, report jsonb not null);
                insert into lsbench.job (priority) select 0 from generate_series(1, \(count));
                analyze lsbench.job;
                """)
        }
    }

    func remove() async throws {
        _ = try await database.pool.execute("drop schema if exists lsbench cascade")
    }

    /// The rate of `clientCount` connections in transactions a second.
    func rate(_ count: Int, clientCount: Int) throws -> Double {
        let path = database.directory.appendingPathComponent("peer.sql")
        try Data(Self.script.utf8).write(to: path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "pgbench", "-n", "-M", "prepared", "-c", "\(clientCount)", "-t",
            "\(max(1, count / clientCount))", "-f", path.path, database.connectionInfo,
        ]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0,
            let match = text.firstMatch(of: /(?m)^tps = ([0-9.]+)/), let rate = Double(match.1)
        else { throw LanguageSystemError.noPgbench(complaint) }
        return rate
    }
}

extension LanguageSystemError {
    fileprivate static func noPgbench(_ complaint: String) -> Self {
        Self(
            .unavailable, "pgbench gave no figure: \(complaint.prefix(300))",
            hint: "install postgresql-contrib's pgbench, or leave it out with --no-pgbench")
    }
}
