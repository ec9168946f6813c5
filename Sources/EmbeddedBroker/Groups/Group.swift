import NIOCore

/// One consumer group: the classic membership protocol as a pure state machine.
///
/// Time comes in as milliseconds of a steady clock; what must be sent or stored goes out as ``GroupAction``s. Answers that wait are named by tickets.
struct Group {
    /// Names an answer that is owed.
    typealias Ticket = Int

    /// Kafka's states, without Dead: a dead group is simply not there.
    enum Phase: String, Sendable {
        case empty = "Empty"
        /// Members are asked to join again; the first answer goes out when all have, or when time is up.
        case preparing = "PreparingRebalance"
        /// Members have their generation and wait for the leader's assignment.
        case awaitingSync = "CompletingRebalance"
        case stable = "Stable"
    }

    /// One consumer.
    struct Member {
        var id: String
        var instanceID: String?
        var clientID: String
        var clientHost: String
        var sessionTimeoutMs: Int32
        var rebalanceTimeoutMs: Int32
        var protocols: [GroupProtocol]
        var assignment: [UInt8] = []
        var joinTicket: Ticket?
        var syncTicket: Ticket?
        /// When the member is given up, unless it is heard of before.
        var deadline: Int64 = 0
    }

    let id: String
    private(set) var phase = Phase.empty
    private(set) var generation: Int32 = 0
    private(set) var protocolType = ""
    private(set) var protocolName = ""
    private(set) var leaderID = ""
    /// In the order in which they joined.
    private(set) var members: [Member] = []
    /// Ids that were handed out for a first join (KIP-394), with the time at which they are forgotten.
    private var announced: [String: Int64] = [:]
    /// While preparing: not before this time, and at the latest at that one.
    private var completeNotBefore: Int64 = 0
    private var completeBy: Int64 = 0
    /// While members have not asked for their assignment: the time at which those are dropped.
    private var syncBy: Int64 = 0
    private let initialDelayMs: Int64

    init(id: String, initialDelayMs: Int64) {
        self.id = id
        self.initialDelayMs = initialDelayMs
    }

    /// A group as it was stored; its members get a whole session timeout to be heard of.
    init(snapshot: GroupSnapshot, initialDelayMs: Int64, now: Int64) {
        self.init(id: snapshot.id, initialDelayMs: initialDelayMs)
        generation = snapshot.generation
        protocolType = snapshot.protocolType
        protocolName = snapshot.protocolName
        leaderID = snapshot.leaderID
        members = snapshot.members.map { member in
            Member(
                id: member.id, instanceID: member.instanceID, clientID: member.clientID, clientHost: member.clientHost,
                sessionTimeoutMs: member.sessionTimeoutMs, rebalanceTimeoutMs: member.rebalanceTimeoutMs, protocols: member.protocols,
                assignment: member.assignment, deadline: now + Int64(member.sessionTimeoutMs))
        }
        phase = members.isEmpty ? .empty : .stable
    }

    /// What a restart needs to go on.
    var snapshot: GroupSnapshot {
        GroupSnapshot(
            id: id, protocolType: protocolType, generation: generation, protocolName: protocolName, leaderID: leaderID,
            members: members.map { member in
                GroupSnapshot.Member(
                    id: member.id, instanceID: member.instanceID, clientID: member.clientID, clientHost: member.clientHost,
                    sessionTimeoutMs: member.sessionTimeoutMs, rebalanceTimeoutMs: member.rebalanceTimeoutMs, protocols: member.protocols,
                    assignment: member.assignment)
            })
    }

    /// Whether nobody ever was a member, and nobody is about to become one.
    var isUnused: Bool { members.isEmpty && announced.isEmpty && generation == 0 }

    /// Bytes that members made the broker keep.
    var sizeBytes: Int {
        members.reduce(0) { size, member in member.protocols.reduce(size + member.assignment.count) { $0 + $1.sizeBytes } }
    }

    /// Whether a member's subscription names `topic`; one that cannot be read counts as if it did.
    func subscribes(to topic: String) -> Bool {
        members.contains { member in
            var reader = WireReader(ByteBuffer(bytes: member.protocols.first { $0.name == protocolName }?.metadata ?? []))
            guard (try? reader.int16()) != nil, let topics = try? reader.array({ reader throws(BrokerError) in try reader.string() }) else {
                return true
            }
            return topics.contains(topic)
        }
    }

    // MARK: Joining

    /// A member joins, for the first time or again.
    mutating func join(_ request: GroupJoin, ticket: Ticket, now: Int64) -> [GroupAction] {
        func refuse(_ error: ErrorCode, memberID: String? = nil) -> [GroupAction] {
            [.joined(ticket, GroupJoinAnswer(error: error, memberID: memberID ?? request.memberID))]
        }
        guard BrokerLimits.sessionTimeoutMs.contains(request.sessionTimeoutMs) else { return refuse(.invalidSessionTimeout) }
        guard !request.protocols.isEmpty, accepts(request) else { return refuse(.inconsistentGroupProtocol) }
        if let instance = request.instanceID, let index = members.firstIndex(where: { $0.instanceID == instance }) {
            if request.memberID.isEmpty { return replaceStatic(index, request, ticket: ticket, now: now) }
            if members[index].id != request.memberID { return refuse(.fencedInstanceID) }
        }
        if let index = index(of: request.memberID) { return rejoin(index, request, ticket: ticket, now: now) }
        guard members.count + announced.count < BrokerLimits.maxGroupMembers else { return refuse(.groupMaxSizeReached) }
        if request.memberID.isEmpty {
            if request.requiresKnownID, request.instanceID == nil {
                announced[request.newMemberID] = now + Int64(request.sessionTimeoutMs)
                return refuse(.memberIDRequired, memberID: request.newMemberID)
            }
        } else if announced.removeValue(forKey: request.memberID) == nil {
            return refuse(.unknownMemberID)
        }
        let id = request.memberID.isEmpty ? request.newMemberID : request.memberID
        members.append(
            Member(
                id: id, instanceID: request.instanceID, clientID: request.clientID, clientHost: request.clientHost,
                sessionTimeoutMs: request.sessionTimeoutMs, rebalanceTimeoutMs: request.rebalanceTimeoutMs, protocols: request.protocols,
                joinTicket: ticket, deadline: now + Int64(request.sessionTimeoutMs)))
        if phase == .preparing { return completeIfAllJoined(now: now) }
        return prepare(now: now) + completeIfAllJoined(now: now)
    }

    private mutating func rejoin(_ index: Int, _ request: GroupJoin, ticket: Ticket, now: Int64) -> [GroupAction] {
        let changed = members[index].protocols != request.protocols
        let isLeader = members[index].id == leaderID
        var actions: [GroupAction] = []
        if let old = members[index].joinTicket {
            // The client gave the earlier answer up, or it could not ask again.
            actions.append(.joined(old, GroupJoinAnswer(error: .rebalanceInProgress, memberID: members[index].id)))
        }
        update(index, request, now: now)
        if phase == .awaitingSync && !changed || phase == .stable && !changed && !isLeader {
            members[index].joinTicket = nil
            return actions + [.joined(ticket, joinAnswer(for: members[index]))]
        }
        members[index].joinTicket = ticket
        if phase != .preparing { actions += prepare(now: now) }
        return actions + completeIfAllJoined(now: now)
    }

    /// A static member came back under a new id (KIP-345): the old one is fenced, and without a new subscription nobody else notices.
    private mutating func replaceStatic(_ index: Int, _ request: GroupJoin, ticket: Ticket, now: Int64) -> [GroupAction] {
        let old = members[index]
        var actions: [GroupAction] = []
        if let waiting = old.joinTicket { actions.append(.joined(waiting, GroupJoinAnswer(error: .fencedInstanceID, memberID: old.id))) }
        if let waiting = old.syncTicket { actions.append(.synced(waiting, .fencedInstanceID, [])) }
        members[index].id = request.newMemberID
        members[index].joinTicket = nil
        members[index].syncTicket = nil
        let changed = old.protocols != request.protocols
        update(index, request, now: now)
        let previousLeader = leaderID
        if leaderID == old.id { leaderID = request.newMemberID }
        if phase == .stable, !changed {
            // With the old leader's id in the answer the member does not take itself for the leader, and does not assign anew.
            var answer = joinAnswer(for: members[index])
            answer.leaderID = previousLeader
            answer.members = []
            return actions + [.joined(ticket, answer), .store]
        }
        members[index].joinTicket = ticket
        if phase != .preparing { actions += prepare(now: now) }
        return actions + completeIfAllJoined(now: now)
    }

    private mutating func update(_ index: Int, _ request: GroupJoin, now: Int64) {
        members[index].protocols = request.protocols
        members[index].sessionTimeoutMs = request.sessionTimeoutMs
        members[index].rebalanceTimeoutMs = request.rebalanceTimeoutMs
        members[index].clientID = request.clientID
        members[index].clientHost = request.clientHost
        members[index].deadline = now + Int64(request.sessionTimeoutMs)
    }

    /// Whether a member with these protocols fits the others.
    private func accepts(_ request: GroupJoin) -> Bool {
        let others = members.filter { $0.id != request.memberID && ($0.instanceID == nil || $0.instanceID != request.instanceID) }
        guard !others.isEmpty else { return true }
        guard request.protocolType == protocolType || protocolType.isEmpty else { return false }
        return request.protocols.contains { candidate in others.allSatisfy { $0.protocols.contains { $0.name == candidate.name } } }
    }

    private func joinAnswer(for member: Member) -> GroupJoinAnswer {
        var answer = GroupJoinAnswer(error: .none, memberID: member.id)
        answer.generation = generation
        answer.protocolName = protocolName
        answer.leaderID = leaderID
        if member.id == leaderID {
            answer.members = members.map { other in
                GroupJoinAnswer.Member(
                    id: other.id, instanceID: other.instanceID, metadata: other.protocols.first { $0.name == protocolName }?.metadata ?? [])
            }
        }
        return answer
    }

    // MARK: Rebalancing

    /// Begins a rebalance: whoever waits for an assignment is told to join again.
    private mutating func prepare(now: Int64) -> [GroupAction] {
        var actions: [GroupAction] = []
        for index in members.indices {
            if let waiting = members[index].syncTicket { actions.append(.synced(waiting, .rebalanceInProgress, [])) }
            members[index].syncTicket = nil
        }
        completeNotBefore = phase == .empty ? now + initialDelayMs : now
        completeBy = max(completeNotBefore, now + Int64(members.map(\.rebalanceTimeoutMs).max() ?? 0))
        phase = .preparing
        return actions
    }

    private mutating func completeIfAllJoined(now: Int64) -> [GroupAction] {
        guard phase == .preparing, now >= completeNotBefore else { return [] }
        let allJoined = announced.isEmpty && members.allSatisfy { $0.joinTicket != nil }
        guard allJoined || now >= completeBy else { return [] }
        // A static member keeps its place until its session ends.
        members.removeAll { $0.joinTicket == nil && $0.instanceID == nil }
        generation &+= 1
        guard let first = members.first else {
            phase = .empty
            leaderID = ""
            protocolName = ""
            return [.store]
        }
        protocolName = chooseProtocol()
        if index(of: leaderID) == nil { leaderID = first.id }
        phase = .awaitingSync
        syncBy = now + Int64(members.map(\.rebalanceTimeoutMs).max() ?? 0)
        var actions: [GroupAction] = []
        for index in members.indices {
            members[index].assignment = []
            members[index].deadline = now + Int64(members[index].sessionTimeoutMs)
            if let ticket = members[index].joinTicket { actions.append(.joined(ticket, joinAnswer(for: members[index]))) }
            members[index].joinTicket = nil
        }
        return actions
    }

    /// Of the protocols that every member offers, the one that most members put first.
    private func chooseProtocol() -> String {
        let common = members[0].protocols.map(\.name).filter { name in members.allSatisfy { $0.protocols.contains { $0.name == name } } }
        var votes: [String: Int] = [:]
        for member in members {
            if let choice = member.protocols.first(where: { common.contains($0.name) }) { votes[choice.name, default: 0] += 1 }
        }
        var best = common.first ?? ""
        for name in common where votes[name, default: 0] > votes[best, default: 0] { best = name }
        return best
    }

    // MARK: Members

    /// A member asks for its assignment; the leader brings everybody's.
    mutating func sync(
        memberID: String, instanceID: String?, generation: Int32, assignments: [String: [UInt8]], ticket: Ticket, now: Int64
    ) -> [GroupAction] {
        if let error = check(memberID: memberID, instanceID: instanceID, generation: generation) { return [.synced(ticket, error, [])] }
        guard let index = index(of: memberID) else { return [.synced(ticket, .unknownMemberID, [])] }
        touch(index, now: now)
        switch phase {
        case .empty: return [.synced(ticket, .unknownMemberID, [])]
        case .preparing: return [.synced(ticket, .rebalanceInProgress, [])]
        case .stable: return [.synced(ticket, .none, members[index].assignment)]
        case .awaitingSync:
            members[index].syncTicket = ticket
            guard memberID == leaderID else { return [] }
            phase = .stable
            var actions: [GroupAction] = [.store]
            for index in members.indices {
                members[index].assignment = assignments[members[index].id] ?? []
                touch(index, now: now)
                if let ticket = members[index].syncTicket { actions.append(.synced(ticket, .none, members[index].assignment)) }
                members[index].syncTicket = nil
            }
            return actions
        }
    }

    /// A sign of life.
    mutating func heartbeat(memberID: String, instanceID: String?, generation: Int32, now: Int64) -> ErrorCode {
        if let error = check(memberID: memberID, instanceID: instanceID, generation: generation) { return error }
        guard let index = index(of: memberID) else { return .unknownMemberID }
        touch(index, now: now)
        return phase == .preparing ? .rebalanceInProgress : .none
    }

    /// Whether a commit may be taken, from a member or, with generation -1, from a client outside an empty group.
    mutating func authorizeCommit(memberID: String, instanceID: String?, generation: Int32, now: Int64) -> ErrorCode {
        if generation < 0, memberID.isEmpty, phase == .empty { return .none }
        if let error = check(memberID: memberID, instanceID: instanceID, generation: generation) { return error }
        guard let index = index(of: memberID) else { return .unknownMemberID }
        touch(index, now: now)
        return phase == .awaitingSync ? .rebalanceInProgress : .none
    }

    /// A member leaves by itself, named by its id or as a static member.
    mutating func leave(memberID: String, instanceID: String?, now: Int64) -> (ErrorCode, [GroupAction]) {
        if announced.removeValue(forKey: memberID) != nil { return (.none, completeIfAllJoined(now: now)) }
        let index =
            if let instanceID { members.firstIndex { $0.instanceID == instanceID } } else { index(of: memberID) }
        guard let index else { return (.unknownMemberID, []) }
        if instanceID != nil, !memberID.isEmpty, members[index].id != memberID { return (.fencedInstanceID, []) }
        return (.none, remove(members[index].id, now: now))
    }

    /// Does what is due at `now`: sessions that ran out, rebalances whose time is up.
    mutating func tick(now: Int64) -> [GroupAction] {
        var actions: [GroupAction] = []
        for member in members where member.deadline <= now && member.joinTicket == nil && member.syncTicket == nil {
            actions += remove(member.id, now: now)
        }
        announced = announced.filter { $0.value > now }
        if phase == .awaitingSync, now >= syncBy {
            for member in members where member.syncTicket == nil { actions += remove(member.id, now: now) }
        }
        return actions + completeIfAllJoined(now: now)
    }

    /// When ``tick(now:)`` is due next, or nil.
    var nextDeadline: Int64? {
        var due = members.filter { $0.joinTicket == nil && $0.syncTicket == nil }.map(\.deadline) + announced.values
        if phase == .preparing {
            due.append(members.allSatisfy { $0.joinTicket != nil } && announced.isEmpty ? completeNotBefore : completeBy)
        }
        if phase == .awaitingSync { due.append(syncBy) }
        return due.min()
    }

    private mutating func remove(_ memberID: String, now: Int64) -> [GroupAction] {
        guard let index = index(of: memberID) else { return [] }
        let member = members.remove(at: index)
        var actions: [GroupAction] = []
        if let ticket = member.joinTicket { actions.append(.joined(ticket, GroupJoinAnswer(error: .unknownMemberID, memberID: member.id))) }
        if let ticket = member.syncTicket { actions.append(.synced(ticket, .unknownMemberID, [])) }
        if phase == .stable || phase == .awaitingSync { actions += prepare(now: now) }
        return actions + completeIfAllJoined(now: now)
    }

    /// Why a request of this member cannot be taken, or nil.
    ///
    /// Unlike with Apache Kafka, one without a member id is unknown and not fenced: librdkafka 2.0.2 forgets its id when its session runs out and may report
    /// once more before it has given its partitions back. It would take that for the end, though nobody has its place.
    private func check(memberID: String, instanceID: String?, generation: Int32) -> ErrorCode? {
        if let instanceID, !memberID.isEmpty, let member = members.first(where: { $0.instanceID == instanceID }), member.id != memberID {
            return .fencedInstanceID
        }
        guard index(of: memberID) != nil else { return .unknownMemberID }
        return generation == self.generation ? nil : .illegalGeneration
    }

    private mutating func touch(_ index: Int, now: Int64) {
        members[index].deadline = now + Int64(members[index].sessionTimeoutMs)
    }

    private func index(of memberID: String) -> Int? {
        members.firstIndex { $0.id == memberID }
    }

    /// Notes the protocol type of the first member.
    mutating func adopt(protocolType: String) {
        if members.isEmpty { self.protocolType = protocolType }
    }
}
