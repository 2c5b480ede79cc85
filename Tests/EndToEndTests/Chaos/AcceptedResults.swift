// What the harness saw done, remembered outside the database: it must still be there, unchanged,
// after every fault that follows.
import Foundation

struct AcceptedResults {
    /// By what it is about, what was said of it.
    private(set) var facts: [String: String] = [:]

    /// Done tasks with the attempt that did them, versions, figures, decisions of the promotion
    /// gate, alias moves: one line each.
    static let query = """
        select 'task ' || task_id || '|' || concat_ws(' ', kind, attempt, worker, \
        result_version_id, ended_at)
            from ls.attempt_history where state = 'succeeded'
        union all select 'version ' || version_id || '|' || concat_ws(' ', version, digest, \
        task_id, attempt)
            from ls.version_lineage
        union all select 'evaluation ' || evaluation_id || '|' || concat_ws(' ', version_id, \
        feature_set_id, accuracy, task_id)
            from ls.evaluation
        union all select 'decision ' || promotion_decision_id || '|' || concat_ws(' ', version_id, \
        promoted, incumbent_version_id, log_e, decided_at)
            from ls.promotion_decision
        union all select 'move ' || alias_history_id || '|' || concat_ws(' ', ranker_id, alias, \
        from_version_id, to_version_id, moved_at)
            from ls.alias_history
        """

    func count(of kind: String) -> Int { facts.keys.count { $0.hasPrefix(kind + " ") } }

    /// Adds what is new.
    ///
    /// - Returns: What was there before and is gone or another now, as sentences.
    mutating func see(_ lines: String) -> [String] {
        var present: [String: String] = [:]
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: "|", maxSplits: 1).map(String.init)
            if parts.count == 2 { present[parts[0]] = parts[1] }
        }
        let lost = facts.compactMap { name, was -> String? in
            guard let now = present[name] else { return "\(name) (\(was)) is gone" }
            return now == was ? nil : "\(name) was \(was), is \(now)"
        }
        facts.merge(present) { was, _ in was }
        return lost.sorted()
    }
}
