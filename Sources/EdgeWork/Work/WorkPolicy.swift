// What a machine's owner allows, whatever the coordinator says. The coordinator is told and offers
// nothing else; should it, the refusal is here, before a byte is fetched.
public import Foundation
public import LanguageSystem

public struct WorkPolicy: Sendable, Equatable {
    /// Which tasks are allowed; none on a machine that only reranks.
    public var taskKinds: [TaskKind]
    /// Whether reranks are allowed, at any hour: a person waits for each.
    public var reranks: Bool
    /// The domains whose tasks are allowed; nil: all.
    public var domains: [DomainPattern]?
    /// How large the features of one task may be; nil: any size.
    public var taskByteCountMax: Int64?
    /// When tasks are allowed; nil: always.
    public var hours: WorkingHours?

    public init(
        taskKinds: [TaskKind] = TaskKind.leased, reranks: Bool = true,
        domains: [DomainPattern]? = nil,
        taskByteCountMax: Int64? = nil, hours: WorkingHours? = nil
    ) {
        self.taskKinds = taskKinds
        self.reranks = reranks
        self.domains = domains
        self.taskByteCountMax = taskByteCountMax
        self.hours = hours
    }

    /// What is allowed, a line each, for people.
    var lines: [String] {
        let words = taskKinds.map(\.rawValue) + (reranks ? ["rerank"] : [])
        var lines = [words.joined(separator: ", ")]
        if let domains {
            lines.append("domains \(domains.map(\.description).joined(separator: ", "))")
        }
        if let taskByteCountMax {
            lines.append("features of at most \(taskByteCountMax >> 20) MB a task")
        }
        if let hours { lines.append("hours \(hours)") }
        return lines
    }

    func takesTasks(at date: Date) -> Bool { hours?.contain(date) ?? true }

    /// Why `work` is not allowed; nil: it is.
    func refusal(of work: TaskLease, at date: Date) -> LanguageSystemError? {
        guard taskKinds.contains(work.kind) else { return .notAllowed(work.kind) }
        if let hours, !hours.contain(date) { return .outsideHours(hours) }
        return refusal(of: work.features)
    }

    /// Why the features are not allowed; nil: they are.
    ///
    /// - Parameter features: The features of one task, or some to be fetched ahead of one.
    func refusal(of features: [BlobReference]) -> LanguageSystemError? {
        if let domains {
            for blob in features {
                // What does not say its domain is of none that is allowed.
                guard let domain = blob.domain, domains.contains(where: { $0.matches(domain) })
                else { return .domainNotAllowed(blob.domain, allowed: domains) }
            }
        }
        if let taskByteCountMax {
            let byteCount = features.reduce(0) { $0 + $1.byteCount }
            guard byteCount <= taskByteCountMax else {
                return .taskTooLarge(byteCount, max: taskByteCountMax)
            }
        }
        return nil
    }
}

/// Times of day, by this machine's clock and time zone: `22:00-06:00`, or several with commas.
public struct WorkingHours: Sendable, Equatable, CustomStringConvertible {
    public let description: String
    /// Minutes of the day, the end excluded; one that ends before it begins goes on past midnight.
    private let spans: [Span]

    private struct Span: Equatable {
        let begin: Int
        let end: Int
    }

    /// - Throws: `invalidSettings`.
    public init(_ text: String) throws(LanguageSystemError) {
        var spans: [Span] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard ends.count == 2, let begin = Self.minute(ends[0]), let end = Self.minute(ends[1]),
                begin != end
            else { throw .malformedHours(text) }
            spans.append(Span(begin: begin, end: end))
        }
        self.spans = spans
        description = text
    }

    public func contain(_ date: Date, _ calendar: Calendar = .current) -> Bool {
        let parts = calendar.dateComponents([.hour, .minute], from: date)
        let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        return spans.contains {
            $0.begin < $0.end
                ? ($0.begin..<$0.end).contains(minute) : minute >= $0.begin || minute < $0.end
        }
    }

    /// 24:00 is the end of the day.
    private static func minute(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.count) }),
            let hour = Int(parts[0]), let minute = Int(parts[1]),
            (0...23).contains(hour) && (0...59).contains(minute) || (hour == 24 && minute == 0)
        else { return nil }
        return hour * 60 + minute
    }
}

extension LanguageSystemError {
    static func outsideHours(_ hours: WorkingHours) -> Self {
        Self(.busy, "cannot take this task now: this worker works \(hours)")
    }

    static func domainNotAllowed(_ domain: DomainName?, allowed: [DomainPattern]) -> Self {
        Self(
            .forbiddenTransition,
            """
            cannot take this task: found features of \(domain.map { "'\($0)'" } ?? "no domain"), \
            this worker's owner allows \(allowed.map(\.description).joined(separator: ", "))
            """,
            hint: "its owner allows what it does: lsworker join --domains")
    }

    static func taskTooLarge(_ byteCount: Int64, max: Int64) -> Self {
        Self(
            .tooLarge,
            """
            cannot take this task: found \(byteCount) bytes of features, this worker's owner \
            allows \(max)
            """,
            hint: "its owner allows what it does: lsworker join --task-size")
    }

    static func malformedHours(_ text: String) -> Self {
        Self(
            .invalidSettings,
            """
            cannot use --hours '\(text.printable(80))': expected times of day such as 22:00-06:00, \
            several with commas
            """
        )
    }
}
