// Which connection goes to whom, and when one is made or closed. Pure: an event goes in, actions
// come out; ConnectionPool does them. Waiters are served first come, first served. A failed
// connection attempt fails no waiter: the pool tries again, and their own deadlines decide. Only a
// refusal that the same settings will always meet fails all of them at once.

struct PoolState: Sendable {
    struct ConnectionID: Hashable, Sendable { let number: Int }
    struct WaiterID: Hashable, Sendable { let number: Int }

    enum Event: Sendable {
        /// A caller wants a connection; `atFront` when it had one that turned out dead.
        case wanted(WaiterID, atFront: Bool)
        /// The waiter's deadline passed or its task was cancelled.
        case waiterGone(WaiterID, Refusal)
        case connected(ConnectionID)
        case connectFailed(ConnectionID)
        /// The settings are wrong: another attempt would fail as well.
        case connectRefused(ConnectionID)
        /// The pause after a failed attempt is over.
        case pauseOver
        case released(ConnectionID, isReusable: Bool)
        case closeAsked
    }

    enum Action: Equatable, Sendable {
        case connect(ConnectionID)
        case lend(ConnectionID, WaiterID)
        case close(ConnectionID)
        case refuse(WaiterID, Refusal)
        /// Send `pauseOver` after a pause that grows with the number of failures in a row.
        case pause(failureCount: Int)
        /// Closing was asked for and nothing is left.
        case closed
    }

    enum Refusal: Hashable, Sendable { case late, cancelled, busy, closed, refused }

    private enum Place: Equatable { case connecting, idle, lent }

    let connectionCountMax: Int
    let waiterCountMax: Int
    private var places: [ConnectionID: Place] = [:]
    /// Last used, first lent: its backend's caches are warm.
    private var idle: [ConnectionID] = []
    private var waiters: [WaiterID] = []
    private var madeCount = 0
    private var failureCount = 0
    private var isPausing = false
    private var isClosing = false
    private var isClosed = false

    init(connectionCountMax: Int, waiterCountMax: Int) {
        precondition(connectionCountMax >= 1, "a pool has at least one connection")
        precondition(waiterCountMax >= 1, "a pool lets at least one caller wait")
        self.connectionCountMax = connectionCountMax
        self.waiterCountMax = waiterCountMax
    }

    var connectionCount: Int { places.count }
    var waiterCount: Int { waiters.count }
    var idleCount: Int { idle.count }
    var lentCount: Int { places.values.count { $0 == .lent } }

    mutating func handle(_ event: Event) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .wanted(let waiter, let atFront): enter(waiter, atFront, &actions)
        case .waiterGone(let waiter, let refusal):
            guard let index = waiters.firstIndex(of: waiter) else { return [] }
            waiters.remove(at: index)
            actions.append(.refuse(waiter, refusal))
        case .connected(let connection):
            require(connection, at: .connecting)
            failureCount = 0
            keep(connection, &actions)
        case .connectFailed(let connection): fail(connection, &actions)
        case .connectRefused(let connection):
            fail(connection, &actions)
            // Others may still be served by a connection from before.
            guard places.isEmpty else { break }
            for waiter in waiters { actions.append(.refuse(waiter, .refused)) }
            waiters.removeAll()
        case .pauseOver: isPausing = false
        case .released(let connection, let isReusable):
            require(connection, at: .lent)
            if isReusable {
                keep(connection, &actions)
            } else {
                places[connection] = nil
                actions.append(.close(connection))
            }
        case .closeAsked: beginClosing(&actions)
        }
        lendIdle(&actions)
        connectMore(&actions)
        if isClosing && !isClosed && places.isEmpty {
            isClosed = true
            actions.append(.closed)
        }
        return actions
    }

    private mutating func fail(_ connection: ConnectionID, _ actions: inout [Action]) {
        require(connection, at: .connecting)
        places[connection] = nil
        failureCount += 1
        if !isPausing && !isClosing {
            isPausing = true
            actions.append(.pause(failureCount: failureCount))
        }
    }

    private func require(_ connection: ConnectionID, at place: Place) {
        precondition(
            places[connection] == place,
            "connection \(connection.number) is not \(place) but \(String(describing: places[connection]))"
        )
    }

    private mutating func enter(
        _ waiter: WaiterID, _ atFront: Bool, _ actions: inout [Action]
    ) {
        if isClosing {
            actions.append(.refuse(waiter, .closed))
        } else if atFront {
            waiters.insert(waiter, at: 0)
        } else if waiters.count < waiterCountMax {
            waiters.append(waiter)
        } else {
            actions.append(.refuse(waiter, .busy))
        }
    }

    private mutating func keep(_ connection: ConnectionID, _ actions: inout [Action]) {
        if isClosing {
            places[connection] = nil
            actions.append(.close(connection))
        } else {
            places[connection] = .idle
            idle.append(connection)
        }
    }

    private mutating func lendIdle(_ actions: inout [Action]) {
        while let waiter = waiters.first, let connection = idle.popLast() {
            waiters.removeFirst()
            places[connection] = .lent
            actions.append(.lend(connection, waiter))
        }
    }

    /// As many attempts as there are waiters; only one while the server does not answer.
    private mutating func connectMore(_ actions: inout [Action]) {
        guard !isPausing && !isClosing else { return }
        let wanted = failureCount == 0 ? waiters.count : min(1, waiters.count)
        var connecting = places.values.count { $0 == .connecting }
        while connecting < wanted && places.count < connectionCountMax {
            let connection = ConnectionID(number: madeCount)
            madeCount += 1
            connecting += 1
            places[connection] = .connecting
            actions.append(.connect(connection))
        }
    }

    private mutating func beginClosing(_ actions: inout [Action]) {
        isClosing = true
        for waiter in waiters { actions.append(.refuse(waiter, .closed)) }
        waiters.removeAll()
        for connection in idle {
            places[connection] = nil
            actions.append(.close(connection))
        }
        idle.removeAll()
    }
}
