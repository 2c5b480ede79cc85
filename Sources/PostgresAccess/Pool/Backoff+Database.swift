// How long to wait for a database that does not answer.
package import Concurrency

extension Backoff {
    /// 50 ms, doubling up to 5 s: a restarted server is met soon, and not by all at once.
    package static var ofDatabase: Backoff { Backoff(first: .milliseconds(50), most: .seconds(5)) }
}
