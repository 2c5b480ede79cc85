// Which connection goes to whom, and when one is made or closed. Pure: an event goes in, actions
// come out; ConnectionPool does them. Waiters are served first come, first served, but listings
// never hold more than their part of the connections: what somebody waits for is not behind them.
// A failed connection attempt fails no waiter: the pool tries again, and their own deadlines
// decide. Only a refusal that the same settings will always meet fails all of them at once.

struct PoolState: Sendable {
    struct ConnectionID: Hashable, Sendable { let number: Int }
    struct WaiterID: Hashable, Sendable { let number: Int }

    enum Event: Sendable {
        /// A caller wants a connection; `atFront` if it had one that was dead.
        case wanted(WaiterID, atFront: Bool, purpose: PoolPurpose = .service)
        /// The waiter's deadline passed or its task was cancelled.
        case waiterGone(WaiterID, Refusal)
        case connected(ConnectionID)
        case connectFailed(ConnectionID)
        /// The settings are wrong, so another attempt would fail, too.
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
        /// The pool is closing and no connection is left.
        case closed
    }

    enum Refusal: Hashable, Sendable { case late, cancelled, busy, closed, refused }

    private enum State: Equatable { case connecting, idle, lent }

    let connectionCountMax: Int
    let waiterCountMax: Int
    /// The most connections that listings may use.
    let listingCountMax: Int
    private var states: [ConnectionID: State] = [:]
    /// Last used, first lent: its backend's caches are warm.
    private var idle: [ConnectionID] = []
    private var waiters: [WaiterID] = []
    /// The listings among the waiters and the lent connections.
    private var listingWaiters: Set<WaiterID> = []
    private var listingConnections: Set<ConnectionID> = []
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
        listingCountMax = max(1, connectionCountMax / 4)
    }

    var connectionCount: Int { states.count }
    var waiterCount: Int { waiters.count }
    var idleCount: Int { idle.count }
    var lentCount: Int { states.values.count { $0 == .lent } }

    mutating func handle(_ event: Event) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .wanted(let waiter, let atFront, let purpose):
            enter(waiter, atFront, purpose, &actions)
        case .waiterGone(let waiter, let refusal):
            guard let index = waiters.firstIndex(of: waiter) else { return [] }
            waiters.remove(at: index)
            listingWaiters.remove(waiter)
            actions.append(.refuse(waiter, refusal))
        case .connected(let connection):
            require(connection, is: .connecting)
            failureCount = 0
            keep(connection, &actions)
        case .connectFailed(let connection): fail(connection, &actions)
        case .connectRefused(let connection):
            fail(connection, &actions)
            // Others may still be served by a connection from before.
            guard states.isEmpty else { break }
            for waiter in waiters { actions.append(.refuse(waiter, .refused)) }
            waiters.removeAll()
            listingWaiters.removeAll()
        case .pauseOver: isPausing = false
        case .released(let connection, let isReusable):
            require(connection, is: .lent)
            listingConnections.remove(connection)
            if isReusable {
                keep(connection, &actions)
            } else {
                states[connection] = nil
                actions.append(.close(connection))
            }
        case .closeAsked: beginClosing(&actions)
        }
        lendIdle(&actions)
        connectMore(&actions)
        if isClosing && !isClosed && states.isEmpty {
            isClosed = true
            actions.append(.closed)
        }
        return actions
    }

    private mutating func fail(_ connection: ConnectionID, _ actions: inout [Action]) {
        require(connection, is: .connecting)
        states[connection] = nil
        failureCount += 1
        if !isPausing && !isClosing {
            isPausing = true
            actions.append(.pause(failureCount: failureCount))
        }
    }

    private func require(_ connection: ConnectionID, is state: State) {
        precondition(
            states[connection] == state,
            """
            connection \(connection.number) is not \(state) but \
            \(String(describing: states[connection]))
            """
        )
    }

    private mutating func enter(
        _ waiter: WaiterID, _ atFront: Bool, _ purpose: PoolPurpose, _ actions: inout [Action]
    ) {
        if isClosing {
            actions.append(.refuse(waiter, .closed))
            return
        }
        if atFront {
            waiters.insert(waiter, at: 0)
        } else if waiters.count < waiterCountMax {
            waiters.append(waiter)
        } else {
            actions.append(.refuse(waiter, .busy))
            return
        }
        if purpose == .listing { listingWaiters.insert(waiter) }
    }

    private mutating func keep(_ connection: ConnectionID, _ actions: inout [Action]) {
        if isClosing {
            states[connection] = nil
            actions.append(.close(connection))
        } else {
            states[connection] = .idle
            idle.append(connection)
        }
    }

    private mutating func lendIdle(_ actions: inout [Action]) {
        while !idle.isEmpty, let index = waiters.firstIndex(where: mayBeServed),
            let connection = idle.popLast()
        {
            let waiter = waiters.remove(at: index)
            if listingWaiters.remove(waiter) != nil { listingConnections.insert(connection) }
            states[connection] = .lent
            actions.append(.lend(connection, waiter))
        }
    }

    private func mayBeServed(_ waiter: WaiterID) -> Bool {
        !listingWaiters.contains(waiter) || listingConnections.count < listingCountMax
    }

    /// Starts as many attempts as there are waiters, but only one while the server does not answer.
    private mutating func connectMore(_ actions: inout [Action]) {
        guard !isPausing && !isClosing else { return }
        let waiterCount =
            waiters.count - listingWaiters.count
            + min(listingWaiters.count, listingCountMax - listingConnections.count)
        let wanted = failureCount == 0 ? waiterCount : min(1, waiterCount)
        var connecting = states.values.count { $0 == .connecting }
        while connecting < wanted && states.count < connectionCountMax {
            let connection = ConnectionID(number: madeCount)
            madeCount += 1
            connecting += 1
            states[connection] = .connecting
            actions.append(.connect(connection))
        }
    }

    private mutating func beginClosing(_ actions: inout [Action]) {
        isClosing = true
        for waiter in waiters { actions.append(.refuse(waiter, .closed)) }
        waiters.removeAll()
        listingWaiters.removeAll()
        for connection in idle {
            states[connection] = nil
            actions.append(.close(connection))
        }
        idle.removeAll()
    }
}
