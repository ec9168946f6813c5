import Testing

@testable import EmbeddedBroker

@Suite struct GroupTests {
    private func join(_ id: String, new: String = "new", instance: String? = nil, metadata: UInt8 = 1, strict: Bool = false) -> GroupJoin {
        GroupJoin(
            memberID: id, newMemberID: new, instanceID: instance, clientID: "test", clientHost: "/127.0.0.1", sessionTimeoutMs: 10_000,
            rebalanceTimeoutMs: 60_000, protocolType: "consumer",
            protocols: [GroupProtocol(name: "range", metadata: [metadata]), GroupProtocol(name: "roundrobin", metadata: [metadata])],
            requiresKnownID: strict)
    }

    private func answers(_ actions: [GroupAction]) -> [Group.Ticket: GroupJoinAnswer] {
        var answers: [Group.Ticket: GroupJoinAnswer] = [:]
        for case .joined(let ticket, let answer) in actions { answers[ticket] = answer }
        return answers
    }

    /// A group with one member "a" that is stable since time 300.
    private func stableGroup() -> Group {
        var group = Group(id: "g", initialDelayMs: 200)
        group.adopt(protocolType: "consumer")
        _ = group.join(join("", new: "a"), ticket: 1, now: 0)
        _ = group.tick(now: 200)
        _ = group.sync(memberID: "a", instanceID: nil, generation: 1, assignments: ["a": [1, 2]], ticket: 2, now: 300)
        return group
    }

    @Test func firstMemberLeadsAfterTheInitialDelay() throws {
        var group = Group(id: "g", initialDelayMs: 200)
        group.adopt(protocolType: "consumer")
        #expect(group.join(join("", new: "a"), ticket: 1, now: 0) == [])
        #expect(group.nextDeadline == 200)
        let answer = try #require(answers(group.tick(now: 200))[1])
        #expect(answer.error == .none && answer.generation == 1 && answer.leaderID == "a" && answer.memberID == "a")
        #expect(answer.protocolName == "range" && answer.members.count == 1)
        let actions = group.sync(memberID: "a", instanceID: nil, generation: 1, assignments: ["a": [9]], ticket: 2, now: 210)
        #expect(actions == [.store, .synced(2, .none, [9])])
        #expect(group.phase == .stable)
    }

    @Test func membersThatStartTogetherShareTheFirstGeneration() {
        var group = Group(id: "g", initialDelayMs: 200)
        group.adopt(protocolType: "consumer")
        _ = group.join(join("", new: "a"), ticket: 1, now: 0)
        _ = group.join(join("", new: "b"), ticket: 2, now: 50)
        let joined = answers(group.tick(now: 200))
        #expect(joined[1]?.members.count == 2 && joined[2]?.members.isEmpty == true && joined[2]?.generation == 1)
    }

    @Test func aSecondMemberComesAndGoes() throws {
        var group = stableGroup()
        #expect(group.join(join("", new: "b"), ticket: 3, now: 1_000) == [])
        #expect(group.heartbeat(memberID: "a", instanceID: nil, generation: 1, now: 1_100) == .rebalanceInProgress)
        let joined = answers(group.join(join("a"), ticket: 4, now: 1_200))
        #expect(joined[3]?.generation == 2 && joined[4]?.generation == 2)
        #expect(joined[4]?.leaderID == "a" && joined[4]?.members.count == 2 && joined[3]?.members.isEmpty == true)
        #expect(group.sync(memberID: "b", instanceID: nil, generation: 2, assignments: [:], ticket: 5, now: 1_210) == [])
        let synced = group.sync(memberID: "a", instanceID: nil, generation: 2, assignments: ["a": [1], "b": [2]], ticket: 6, now: 1_220)
        #expect(synced.contains(.synced(5, .none, [2])) && synced.contains(.synced(6, .none, [1])))
        let (error, actions) = group.leave(memberID: "b", instanceID: nil, now: 2_000)
        #expect(error == .none && actions == [])
        #expect(group.phase == .preparing)
        #expect(answers(group.join(join("a"), ticket: 7, now: 2_100))[7]?.members.count == 1)
    }

    @Test func aSilentMemberIsDroppedAtItsDeadline() {
        var group = stableGroup()
        #expect(group.nextDeadline == 10_300)
        #expect(group.heartbeat(memberID: "a", instanceID: nil, generation: 1, now: 5_000) == .none)
        #expect(group.tick(now: 10_300) == [])
        #expect(group.tick(now: 15_000) == [.store])
        #expect(group.phase == .empty && group.members.isEmpty)
        #expect(group.heartbeat(memberID: "a", instanceID: nil, generation: 1, now: 15_001) == .unknownMemberID)
    }

    @Test func aMemberThatDoesNotRejoinIsLeftBehind() {
        var group = stableGroup()
        _ = group.join(join("", new: "b"), ticket: 3, now: 1_000)
        for time in stride(from: Int64(2_000), to: 61_000, by: 3_000) {
            #expect(group.heartbeat(memberID: "a", instanceID: nil, generation: 1, now: time) == .rebalanceInProgress)
        }
        let joined = answers(group.tick(now: 61_000))
        #expect(joined[3]?.leaderID == "b" && joined[3]?.members.count == 1)
    }

    @Test func aFirstJoinIsToldItsIDWhereTheVersionAsksForIt() {
        var group = Group(id: "g", initialDelayMs: 0)
        group.adopt(protocolType: "consumer")
        let refused = answers(group.join(join("", new: "a", strict: true), ticket: 1, now: 0))
        #expect(refused[1]?.error == .memberIDRequired && refused[1]?.memberID == "a")
        #expect(answers(group.join(join("a", strict: true), ticket: 2, now: 1))[2]?.error == ErrorCode.none)
        #expect(answers(group.join(join("stranger", strict: true), ticket: 3, now: 2))[3]?.error == .unknownMemberID)
    }

    @Test func aFollowersRepeatedJoinDisturbsNobody() {
        var group = stableGroup()
        _ = group.join(join("", new: "b"), ticket: 3, now: 1_000)
        _ = group.join(join("a"), ticket: 4, now: 1_000)
        _ = group.sync(memberID: "a", instanceID: nil, generation: 2, assignments: ["b": [2]], ticket: 5, now: 1_000)
        #expect(answers(group.join(join("b"), ticket: 6, now: 1_100))[6]?.generation == 2)
        #expect(group.phase == .stable)
        _ = group.join(join("b", metadata: 2), ticket: 7, now: 1_200)
        #expect(group.phase == .preparing)
    }

    @Test func protocolsMustHaveOneInCommon() {
        var group = stableGroup()
        var request = join("", new: "b")
        request.protocols = [GroupProtocol(name: "sticky", metadata: [])]
        #expect(answers(group.join(request, ticket: 3, now: 1_000))[3]?.error == .inconsistentGroupProtocol)
    }

    @Test func aStaticMemberComesBackWithoutARebalance() {
        var group = Group(id: "g", initialDelayMs: 0)
        group.adopt(protocolType: "consumer")
        _ = group.join(join("", new: "a1", instance: "one"), ticket: 1, now: 0)
        _ = group.sync(memberID: "a1", instanceID: "one", generation: 1, assignments: ["a1": [5]], ticket: 2, now: 1)
        let answer = answers(group.join(join("", new: "a2", instance: "one"), ticket: 3, now: 100))[3]
        #expect(answer?.error == ErrorCode.none && answer?.generation == 1 && answer?.memberID == "a2")
        #expect(group.sync(memberID: "a2", instanceID: "one", generation: 1, assignments: [:], ticket: 4, now: 101) == [.synced(4, .none, [5])])
        #expect(group.heartbeat(memberID: "a1", instanceID: "one", generation: 1, now: 102) == .fencedInstanceID)
        #expect(group.heartbeat(memberID: "", instanceID: "one", generation: 1, now: 102) == .unknownMemberID)
    }

    @Test func commitsComeFromMembersOnly() {
        var group = stableGroup()
        #expect(group.authorizeCommit(memberID: "a", instanceID: nil, generation: 1, now: 400) == .none)
        #expect(group.authorizeCommit(memberID: "a", instanceID: nil, generation: 0, now: 400) == .illegalGeneration)
        #expect(group.authorizeCommit(memberID: "b", instanceID: nil, generation: 1, now: 400) == .unknownMemberID)
        #expect(group.authorizeCommit(memberID: "", instanceID: nil, generation: -1, now: 400) == .unknownMemberID)
        var empty = Group(id: "g", initialDelayMs: 0)
        #expect(empty.authorizeCommit(memberID: "", instanceID: nil, generation: -1, now: 0) == .none)
    }

    @Test func membersGoOnAfterARestart() {
        let before = stableGroup()
        var group = Group(snapshot: before.snapshot, initialDelayMs: 200, now: 50)
        #expect(group.phase == .stable)
        #expect(group.heartbeat(memberID: "a", instanceID: nil, generation: 1, now: 5_000) == .none)
        #expect(group.sync(memberID: "a", instanceID: nil, generation: 1, assignments: [:], ticket: 1, now: 5_000) == [.synced(1, .none, [1, 2])])
        #expect(group.tick(now: 15_000) == [.store])
    }
}
