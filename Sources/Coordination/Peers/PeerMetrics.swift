// What is counted of reranks that other coordinators were asked for. Handlers are made once.
import CoreMetrics
import LanguageSystem

struct PeerMetrics: Sendable {
    private static let words = ["scored", "late", "unreachable", "refused"]

    private let counters = Dictionary(
        uniqueKeysWithValues: words.map {
            ($0, Counter(label: "ls_peer_reranks_total", dimensions: [("answer", $0)]))
        })

    func count(_ answer: PeerAnswer) {
        let word =
            switch answer {
            case .answered(let answer): answer.word
            case .silent: EdgeRerankResult.late.word
            case .lost: EdgeRerankResult.unreachable.word
            }
        counters[word]?.increment()
    }
}

extension EdgeRerankResult {
    /// The answer as metrics name it.
    var word: String {
        switch self {
        case .scored: "scored"
        case .late: "late"
        case .unreachable: "unreachable"
        case .busy, .refused: "refused"
        }
    }
}
