// What a rerank is answered with: the body of Cohere, Jina and vLLM with `meta` of ours, and the
// same said in headers, for whoever logs at the edge.
import Coordination
import Foundation
import HTTPTypes
import Hummingbird
import LanguageSystem
import Ledger
import Rankers

/// The body of a rerank reply.
struct RerankReplyBody {
    let id: String
    let reply: RerankReply
    let presentation: RerankPresentation

    init(id: String, _ reply: RerankReply, as presentation: RerankPresentation) {
        self.id = id
        self.reply = reply
        self.presentation = presentation
    }

    var json: JSONText {
        var json = JSONText()
        json.raw(#"{"id":"#)
        json.string(id)
        json.raw(#","model":"#)
        json.string(reply.servedModel)
        json.raw(#","results":["#)
        for (count, place) in reply.ranking.prefix(presentation.topN ?? .max).enumerated() {
            json.raw(count == 0 ? #"{"index":"# : #",{"index":"#)
            json.number(place.candidateIndex)
            json.raw(#","relevance_score":"#)
            json.number(presentation.givesRawScores ? place.score : place.relevance)
            if let documents = presentation.documents {
                json.raw(#","document":{"text":"#)
                json.string(documents[place.candidateIndex])
                json.raw("}")
            }
            json.raw("}")
        }
        json.raw(#"],"meta":{"ranker":"#)
        json.string(reply.route?.rankerName)
        if let route = reply.route {
            json.raw(#","version":"#)
            json.number(route.versionNumber)
            json.raw(#","digest":"#)
            json.string(route.digest.description)
            json.raw(#","kind":"#)
            json.string(route.kind.rawValue)
        }
        json.raw(#","reason":"#)
        json.string(reply.reason.rawValue)
        if let rule = reply.route?.rule {
            json.raw(#","rule":"#)
            json.string(rule)
        }
        json.raw(#","fallback":"#)
        json.bool(reply.isFallback)
        json.raw(#","explanation":"#)
        json.string(reply.explanation)
        json.raw(#","where":"#)
        json.string(reply.worker == nil ? "central" : "edge")
        if let worker = reply.worker {
            json.raw(#","worker":"#)
            json.string(worker)
        }
        json.raw(#","signals":["#)
        for (count, name) in reply.signals.enumerated() {
            if count > 0 { json.raw(",") }
            json.string(name)
        }
        json.raw(#"],"aggregate":"#)
        json.string(reply.aggregate.rawValue)
        json.raw(#","timings":{"route_ms":"#)
        json.number(reply.timings.route.milliseconds)
        json.raw(#","load_ms":"#)
        json.number(reply.timings.load.milliseconds)
        json.raw(#","queue_ms":"#)
        json.number(reply.timings.queue.milliseconds)
        json.raw(#","compute_ms":"#)
        json.number(reply.timings.compute.milliseconds)
        json.raw("}}}")
        return json
    }
}

extension RerankReply {
    /// These say who served, and how many milliseconds it took.
    var headers: [(HTTPField.Name, String)] {
        var headers: [(HTTPField.Name, String)] = [
            (.ranker, (route?.rankerName ?? "none").headerValue),
            (.reason, reason.rawValue), (.fallback, isFallback ? "true" : "false"),
            (.where, worker == nil ? "central" : "edge"),
            (.queueTime, timings.queue.milliseconds.description),
            (.computeTime, timings.compute.milliseconds.description),
        ]
        if let route {
            headers.append((.version, String(route.versionNumber)))
            headers.append((.digest, route.digest.description))
        }
        return headers
    }
}

extension HTTPField.Name {
    static let ranker = Self(ours: "x-ls-ranker")
    static let version = Self(ours: "x-ls-version")
    static let digest = Self(ours: "x-ls-digest")
    static let reason = Self(ours: "x-ls-reason")
    static let fallback = Self(ours: "x-ls-fallback")
    static let `where` = Self(ours: "x-ls-where")
    static let queueTime = Self(ours: "x-queue-time")
    static let computeTime = Self(ours: "x-compute-time")

    /// - Precondition: letters and hyphens.
    init(ours name: StaticString) {
        // Names written here, never read from anywhere.
        self.init("\(name)")!
    }
}

extension String {
    /// The text itself when it is plain ASCII, percent-encoded otherwise.
    var headerValue: String {
        if utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "%") }) {
            return self
        }
        return addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? "-"
    }
}

extension Duration {
    /// Milliseconds, rounded to a thousandth.
    var milliseconds: Double {
        let microseconds = Double(components.seconds) * 1e6 + Double(components.attoseconds) / 1e12
        return microseconds.rounded() / 1e3
    }
}
