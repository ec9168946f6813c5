import NIOCore

/// Keeps the groups: gives them time, sends what they answer, stores what they decide. Confined to the event loop.
final class GroupCoordinator {
    private let loop: NIOIsolatedEventLoop
    private let stateLog: StateLog
    private let pipeline: CommitPipeline
    private let initialDelayMs: Int64
    private(set) var groups: [String: Group] = [:]
    private var sizes: [String: Int] = [:]
    private var totalBytes = 0
    private var timers: [String: (due: Int64, task: Scheduled<Void>)] = [:]
    private var waiting: [Group.Ticket: Exchange] = [:]
    private var nextTicket = 1

    init(loop: NIOIsolatedEventLoop, stateLog: StateLog, pipeline: CommitPipeline, initialDelayMs: Int64) {
        self.loop = loop
        self.stateLog = stateLog
        self.pipeline = pipeline
        self.initialDelayMs = initialDelayMs
        let now = Clock.steadyMs()
        for (id, snapshot) in stateLog.state.groups {
            groups[id] = Group(snapshot: snapshot, initialDelayMs: initialDelayMs, now: now)
            schedule(id)
            noteSize(id)
        }
    }

    /// Committed offsets of a group.
    func offsets(of group: String) -> [StoredState.PartitionName: StoredOffset] {
        stateLog.state.offsets[group] ?? [:]
    }

    /// Every group that has members or offsets, or had members.
    var allGroupIDs: [String] {
        Set(groups.keys).union(stateLog.state.offsets.filter { !$0.value.isEmpty }.keys).sorted()
    }

    /// The group as it is, empty when it only has offsets, or nil when nothing is known of it.
    func group(_ id: String) -> Group? {
        if let group = groups[id] { return group }
        return stateLog.state.offsets[id]?.isEmpty == false ? Group(id: id, initialDelayMs: initialDelayMs) : nil
    }

    // MARK: Membership

    /// Hands a join to its group; the answer follows.
    func join(_ groupID: String, _ request: GroupJoin, _ exchange: Exchange) {
        guard !groupID.isEmpty else { return answer(exchange, joined: GroupJoinAnswer(error: .invalidGroupID, memberID: request.memberID)) }
        let bytes = request.protocols.reduce(0) { $0 + $1.sizeBytes }
        guard groups[groupID] != nil || groups.count < BrokerLimits.maxGroups, totalBytes + bytes <= BrokerLimits.maxGroupBytes else {
            return answer(exchange, joined: GroupJoinAnswer(error: .groupMaxSizeReached, memberID: request.memberID))
        }
        let ticket = register(exchange)
        var group = groups[groupID] ?? Group(id: groupID, initialDelayMs: initialDelayMs)
        group.adopt(protocolType: request.protocolType)
        let actions = group.join(request, ticket: ticket, now: Clock.steadyMs())
        groups[groupID] = group
        perform(actions, groupID)
        noteSize(groupID)
    }

    /// Bytes of the group's subscriptions and assignments count for all groups together; one that was only asked for is not kept.
    private func noteSize(_ groupID: String) {
        if groups[groupID]?.isUnused == true { groups[groupID] = nil }
        let bytes = groups[groupID]?.sizeBytes ?? 0
        totalBytes += bytes - (sizes[groupID] ?? 0)
        sizes[groupID] = bytes > 0 ? bytes : nil
    }

    /// Forgets groups without members and offsets, as Apache Kafka does: nothing is left that they could go on with.
    func removeEmpty() {
        for (id, group) in groups where group.phase == .empty && group.nextDeadline == nil && offsets(of: id).isEmpty {
            groups[id] = nil
            pipeline.append([.groupDeleted(id)])
        }
    }

    /// Hands a sync to its group; the answer follows.
    func sync(_ groupID: String, memberID: String, instanceID: String?, generation: Int32, assignments: [String: [UInt8]], _ exchange: Exchange) {
        let ticket = register(exchange)
        let now = Clock.steadyMs()
        let actions =
            groups[groupID]?.sync(
                memberID: memberID, instanceID: instanceID, generation: generation, assignments: assignments, ticket: ticket, now: now)
            ?? [.synced(ticket, .unknownMemberID, [])]
        perform(actions, groupID)
        noteSize(groupID)
    }

    /// Takes a sign of life.
    func heartbeat(_ groupID: String, memberID: String, instanceID: String?, generation: Int32) -> ErrorCode {
        groups[groupID]?.heartbeat(memberID: memberID, instanceID: instanceID, generation: generation, now: Clock.steadyMs()) ?? .unknownMemberID
    }

    /// Lets a member go.
    func leave(_ groupID: String, memberID: String, instanceID: String?) -> ErrorCode {
        guard let (error, actions) = groups[groupID]?.leave(memberID: memberID, instanceID: instanceID, now: Clock.steadyMs()) else {
            return .unknownMemberID
        }
        perform(actions, groupID)
        noteSize(groupID)
        return error
    }

    /// Whether a commit may be taken.
    func authorizeCommit(_ groupID: String, memberID: String, instanceID: String?, generation: Int32) -> ErrorCode {
        if let error = groups[groupID]?.authorizeCommit(
            memberID: memberID, instanceID: instanceID, generation: generation, now: Clock.steadyMs())
        {
            return error
        }
        guard !groupID.isEmpty, generation < 0, memberID.isEmpty else { return groupID.isEmpty ? .invalidGroupID : .unknownMemberID }
        return stateLog.state.offsets.count < BrokerLimits.maxGroups || stateLog.state.offsets[groupID] != nil ? .none : .groupMaxSizeReached
    }

    /// Removes a group without members, with its offsets.
    func delete(_ groupID: String) -> ErrorCode {
        guard let group = group(groupID) else { return .groupIDNotFound }
        guard group.phase == .empty else { return .nonEmptyGroup }
        groups[groupID] = nil
        noteSize(groupID)
        timers.removeValue(forKey: groupID)?.task.cancel()
        return .none
    }

    /// Stops the clock: nobody is given up any more.
    func stop() {
        for timer in timers.values { timer.task.cancel() }
        timers.removeAll()
    }

    // MARK: Actions and time

    private func register(_ exchange: Exchange) -> Group.Ticket {
        let ticket = nextTicket
        nextTicket += 1
        waiting[ticket] = exchange
        exchange.abandoned = { [weak self] in self?.waiting[ticket] = nil }
        return ticket
    }

    private func perform(_ actions: [GroupAction], _ groupID: String) {
        for action in actions {
            switch action {
            case .joined(let ticket, let answer):
                if let exchange = waiting.removeValue(forKey: ticket) { self.answer(exchange, joined: answer) }
            case .synced(let ticket, let error, let assignment):
                guard let exchange = waiting.removeValue(forKey: ticket) else { continue }
                exchange.reply(capacity: 64 + assignment.count) { writer in
                    if exchange.version >= 1 { writer.noThrottle() }
                    writer.error(error)
                    writer.bytes(assignment)
                }
            case .store:
                if let group = groups[groupID] { pipeline.append([.group(group.snapshot)]) }
            }
        }
        schedule(groupID)
    }

    private func answer(_ exchange: Exchange, joined answer: GroupJoinAnswer) {
        exchange.reply { writer in
            if exchange.version >= 2 { writer.noThrottle() }
            writer.error(answer.error)
            writer.int32(answer.generation)
            writer.string(answer.protocolName)
            writer.string(answer.leaderID)
            writer.string(answer.memberID)
            writer.array(answer.members) { writer, member in
                writer.string(member.id)
                if exchange.version >= 5 { writer.nullableString(member.instanceID) }
                writer.bytes(member.metadata)
            }
        }
    }

    /// Keeps one timer per group. A heartbeat only moves deadlines back, so the timer stays and looks again when it fires.
    private func schedule(_ groupID: String) {
        guard let due = groups[groupID]?.nextDeadline else {
            timers.removeValue(forKey: groupID)?.task.cancel()
            return
        }
        if let timer = timers[groupID] {
            if timer.due <= due { return }
            timer.task.cancel()
        }
        let task = loop.scheduleTask(in: .milliseconds(max(1, due - Clock.steadyMs()))) { self.fire(groupID) }
        timers[groupID] = (due, task)
    }

    private func fire(_ groupID: String) {
        timers[groupID] = nil
        let actions = groups[groupID]?.tick(now: Clock.steadyMs()) ?? []
        perform(actions, groupID)
        noteSize(groupID)
    }
}
