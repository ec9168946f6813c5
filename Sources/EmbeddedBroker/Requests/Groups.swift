/// Keys 11 to 16 and 42: consumer groups.
extension Broker {
    /// Key 11.
    func handleJoinGroup(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        let group = try reader.string()
        let sessionTimeoutMs = try reader.int32()
        let rebalanceTimeoutMs = version >= 1 ? try reader.int32() : sessionTimeoutMs
        let memberID = try reader.string()
        let instanceID = version >= 5 ? try reader.nullableString() : nil
        let protocolType = try reader.string()
        let protocols = try reader.array { reader throws(BrokerError) in GroupProtocol(name: try reader.string(), metadata: try reader.bytes()) }
        let request = GroupJoin(
            memberID: memberID, newMemberID: "\(exchange.clientID.prefix(100))-\(RandomID.uuid())", instanceID: instanceID,
            clientID: exchange.clientID, clientHost: "/" + exchange.clientHost, sessionTimeoutMs: sessionTimeoutMs,
            rebalanceTimeoutMs: max(0, rebalanceTimeoutMs), protocolType: protocolType, protocols: protocols, requiresKnownID: version >= 4)
        groups.join(group, request, exchange)
    }

    /// Key 14.
    func handleSyncGroup(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let group = try reader.string()
        let generation = try reader.int32()
        let memberID = try reader.string()
        let instanceID = exchange.version >= 3 ? try reader.nullableString() : nil
        var assignments: [String: [UInt8]] = [:]
        for _ in 0..<(try reader.count()) { assignments[try reader.string()] = try reader.bytes() }
        groups.sync(group, memberID: memberID, instanceID: instanceID, generation: generation, assignments: assignments, exchange)
    }

    /// Key 12.
    func handleHeartbeat(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let group = try reader.string()
        let generation = try reader.int32()
        let memberID = try reader.string()
        let instanceID = exchange.version >= 3 ? try reader.nullableString() : nil
        let error = groups.heartbeat(group, memberID: memberID, instanceID: instanceID, generation: generation)
        exchange.reply { writer in
            if exchange.version >= 1 { writer.noThrottle() }
            writer.error(error)
        }
    }

    /// Key 13. Since version 3 several members, static ones too, leave at once.
    func handleLeaveGroup(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let group = try reader.string()
        guard exchange.version >= 3 else {
            let error = groups.leave(group, memberID: try reader.string(), instanceID: nil)
            return exchange.reply { writer in
                if exchange.version >= 1 { writer.noThrottle() }
                writer.error(error)
            }
        }
        let members = try reader.array { reader throws(BrokerError) in (try reader.string(), try reader.nullableString()) }
        let results = members.map { ($0.0, $0.1, groups.leave(group, memberID: $0.0, instanceID: $0.1)) }
        exchange.reply { writer in
            writer.noThrottle()
            writer.error(.none)
            writer.array(results) { writer, result in
                writer.string(result.0)
                writer.nullableString(result.1)
                writer.error(result.2)
            }
        }
    }

    /// Key 15.
    func handleDescribeGroups(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        let names = try reader.array { reader throws(BrokerError) in try reader.string() }.unique()
        exchange.reply(capacity: 1_024) { writer in
            if version >= 1 { writer.noThrottle() }
            writer.array(names) { writer, name in
                let group = groups.group(name)
                writer.error(.none)
                writer.string(name)
                writer.string(group?.phase.rawValue ?? "Dead")
                writer.string(group?.protocolType ?? "")
                let showsProtocol = group?.phase == .stable || group?.phase == .awaitingSync
                writer.string(showsProtocol ? group?.protocolName ?? "" : "")
                writer.array(group?.members ?? []) { writer, member in
                    writer.string(member.id)
                    if version >= 4 { writer.nullableString(member.instanceID) }
                    writer.string(member.clientID)
                    writer.string(member.clientHost)
                    writer.bytes(showsProtocol ? member.protocols.first { $0.name == group?.protocolName }?.metadata ?? [] : [])
                    writer.bytes(member.assignment)
                }
                if version >= 3 { writer.int32(Int32.min) }
            }
        }
    }

    /// Key 16.
    func handleListGroups(_ exchange: Exchange) {
        exchange.reply(capacity: 512) { writer in
            if exchange.version >= 1 { writer.noThrottle() }
            writer.error(.none)
            writer.array(groups.allGroupIDs) { writer, id in
                writer.string(id)
                writer.string(groups.group(id)?.protocolType ?? "")
            }
        }
    }

    /// Key 42.
    func handleDeleteGroups(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let names = try reader.array { reader throws(BrokerError) in try reader.string() }
        let results = names.map { ($0, groups.delete($0)) }
        let records = results.filter { $0.1 == .none }.flatMap { group, _ in
            groups.offsets(of: group).keys.map { StateRecord.offsetDeleted(group: group, topic: $0.topic, partition: $0.partition) } + [
                .groupDeleted(group)
            ]
        }
        let answer = { (storeError: ErrorCode) in
            exchange.reply { writer in
                writer.noThrottle()
                writer.array(results) { writer, result in
                    writer.string(result.0)
                    writer.error(result.1 == .none ? storeError : result.1)
                }
            }
        }
        if records.isEmpty { answer(.none) } else { store(offsets: records, done: answer) }
    }
}
