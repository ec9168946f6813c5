/// A request to join a group.
struct GroupJoin: Sendable {
    var memberID: String
    /// The id that the member gets if it has none.
    var newMemberID: String
    var instanceID: String?
    var clientID: String
    var clientHost: String
    var sessionTimeoutMs: Int32
    var rebalanceTimeoutMs: Int32
    var protocolType: String
    /// In the member's order of preference.
    var protocols: [GroupProtocol]
    /// Since JoinGroup 4 a first join is answered with an id to come back with (KIP-394), so that a lost answer leaves no ghost.
    var requiresKnownID: Bool
}

/// The answer to a join.
struct GroupJoinAnswer: Sendable, Equatable {
    /// A member as the leader sees it.
    struct Member: Sendable, Equatable {
        var id: String
        var instanceID: String?
        var metadata: [UInt8]
    }

    var error: ErrorCode
    var generation: Int32 = -1
    var protocolName = ""
    var leaderID = ""
    var memberID: String
    /// Filled for the leader alone.
    var members: [Member] = []

    init(error: ErrorCode, memberID: String) {
        self.error = error
        self.memberID = memberID
    }
}

/// What a group wants done.
enum GroupAction: Equatable {
    case joined(Group.Ticket, GroupJoinAnswer)
    case synced(Group.Ticket, ErrorCode, [UInt8])
    /// The membership changed: store it.
    case store
}
