/// The layouts of every request and response that the broker lists, from Apache Kafka's own message definitions.
///
/// One message each: request or response, key, first flexible version, then name, versions and type of every field; `[ … ]` is an array of structures,
/// `?` may be null. Tagged fields are left out: neither side sends any.
enum KafkaLayouts {
    static let text = """
        request 0 - TransactionalId 3+ string? Acks 0+ int16 TimeoutMs 0+ int32 TopicData 0+ [ Name 0+ string PartitionData 0+ [
            Index 0+ int32 Records 0+ records? ] ]
        response 0 - Responses 0+ [ Name 0+ string PartitionResponses 0+ [ Index 0+ int32 ErrorCode 0+ int16 BaseOffset 0+ int64
            LogAppendTimeMs 2+ int64 LogStartOffset 5+ int64 ] ] ThrottleTimeMs 1+ int32
        request 1 - ReplicaId 0+ int32 MaxWaitMs 0+ int32 MinBytes 0+ int32 MaxBytes 3+ int32 IsolationLevel 4+ int8 SessionId 7+
            int32 SessionEpoch 7+ int32 Topics 0+ [ Topic 0+ string Partitions 0+ [ Partition 0+ int32 CurrentLeaderEpoch 9+ int32
            FetchOffset 0+ int64 LogStartOffset 5+ int64 PartitionMaxBytes 0+ int32 ] ] ForgottenTopicsData 7+ [ Topic 7+ string
            Partitions 7+ [int32] ] RackId 11+ string
        response 1 - ThrottleTimeMs 1+ int32 ErrorCode 7+ int16 SessionId 7+ int32 Responses 0+ [ Topic 0+ string Partitions 0+ [
            PartitionIndex 0+ int32 ErrorCode 0+ int16 HighWatermark 0+ int64 LastStableOffset 4+ int64 LogStartOffset 5+ int64
            AbortedTransactions 4+ [ ProducerId 4+ int64 FirstOffset 4+ int64 ]? PreferredReadReplica 11+ int32 Records 0+
            records? ] ]
        request 2 - ReplicaId 0+ int32 IsolationLevel 2+ int8 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32
            Timestamp 0+ int64 MaxNumOffsets 0-0 int32 ] ]
        response 2 - ThrottleTimeMs 2+ int32 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 ErrorCode 0+ int16
            OldStyleOffsets 0-0 [int64] Timestamp 1+ int64 Offset 1+ int64 ] ]
        request 3 - Topics 0+ [ Name 0+ string ]? AllowAutoTopicCreation 4+ bool IncludeClusterAuthorizedOperations 8+ bool
            IncludeTopicAuthorizedOperations 8+ bool
        response 3 - ThrottleTimeMs 3+ int32 Brokers 0+ [ NodeId 0+ int32 Host 0+ string Port 0+ int32 Rack 1+ string? ] ClusterId
            2+ string? ControllerId 1+ int32 Topics 0+ [ ErrorCode 0+ int16 Name 0+ string IsInternal 1+ bool Partitions 0+ [
            ErrorCode 0+ int16 PartitionIndex 0+ int32 LeaderId 0+ int32 LeaderEpoch 7+ int32 ReplicaNodes 0+ [int32] IsrNodes 0+
            [int32] OfflineReplicas 5+ [int32] ] TopicAuthorizedOperations 8+ int32 ] ClusterAuthorizedOperations 8+ int32
        request 8 - GroupId 0+ string GenerationIdOrMemberEpoch 1+ int32 MemberId 1+ string GroupInstanceId 7+ string?
            RetentionTimeMs 2-4 int64 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 CommittedOffset 0+ int64
            CommittedLeaderEpoch 6+ int32 CommitTimestamp 1-1 int64 CommittedMetadata 0+ string? ] ]
        response 8 - ThrottleTimeMs 3+ int32 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 ErrorCode 0+ int16
            ] ]
        request 9 6 GroupId 0+ string Topics 0+ [ Name 0+ string PartitionIndexes 0+ [int32] ]? RequireStable 7+ bool
        response 9 6 ThrottleTimeMs 3+ int32 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 CommittedOffset 0+
            int64 CommittedLeaderEpoch 5+ int32 Metadata 0+ string? ErrorCode 0+ int16 ] ] ErrorCode 2+ int16
        request 10 - Key 0+ string KeyType 1+ int8
        response 10 - ThrottleTimeMs 1+ int32 ErrorCode 0+ int16 ErrorMessage 1+ string? NodeId 0+ int32 Host 0+ string Port 0+
            int32
        request 11 - GroupId 0+ string SessionTimeoutMs 0+ int32 RebalanceTimeoutMs 1+ int32 MemberId 0+ string GroupInstanceId 5+
            string? ProtocolType 0+ string Protocols 0+ [ Name 0+ string Metadata 0+ bytes ]
        response 11 - ThrottleTimeMs 2+ int32 ErrorCode 0+ int16 GenerationId 0+ int32 ProtocolName 0+ string Leader 0+ string
            MemberId 0+ string Members 0+ [ MemberId 0+ string GroupInstanceId 5+ string? Metadata 0+ bytes ]
        request 12 - GroupId 0+ string GenerationId 0+ int32 MemberId 0+ string GroupInstanceId 3+ string?
        response 12 - ThrottleTimeMs 1+ int32 ErrorCode 0+ int16
        request 13 - GroupId 0+ string MemberId 0-2 string Members 3+ [ MemberId 3+ string GroupInstanceId 3+ string? ]
        response 13 - ThrottleTimeMs 1+ int32 ErrorCode 0+ int16 Members 3+ [ MemberId 3+ string GroupInstanceId 3+ string?
            ErrorCode 3+ int16 ]
        request 14 - GroupId 0+ string GenerationId 0+ int32 MemberId 0+ string GroupInstanceId 3+ string? Assignments 0+ [
            MemberId 0+ string Assignment 0+ bytes ]
        response 14 - ThrottleTimeMs 1+ int32 ErrorCode 0+ int16 Assignment 0+ bytes
        request 15 - Groups 0+ [string] IncludeAuthorizedOperations 3+ bool
        response 15 - ThrottleTimeMs 1+ int32 Groups 0+ [ ErrorCode 0+ int16 GroupId 0+ string GroupState 0+ string ProtocolType
            0+ string ProtocolData 0+ string Members 0+ [ MemberId 0+ string GroupInstanceId 4+ string? ClientId 0+ string
            ClientHost 0+ string MemberMetadata 0+ bytes MemberAssignment 0+ bytes ] AuthorizedOperations 3+ int32 ]
        request 16 -
        response 16 - ThrottleTimeMs 1+ int32 ErrorCode 0+ int16 Groups 0+ [ GroupId 0+ string ProtocolType 0+ string ]
        request 18 3 ClientSoftwareName 3+ string ClientSoftwareVersion 3+ string
        response 18 3 ErrorCode 0+ int16 ApiKeys 0+ [ ApiKey 0+ int16 MinVersion 0+ int16 MaxVersion 0+ int16 ] ThrottleTimeMs 1+
            int32
        request 19 - Topics 0+ [ Name 0+ string NumPartitions 0+ int32 ReplicationFactor 0+ int16 Assignments 0+ [ PartitionIndex
            0+ int32 BrokerIds 0+ [int32] ] Configs 0+ [ Name 0+ string Value 0+ string? ] ] timeoutMs 0+ int32 validateOnly 1+
            bool
        response 19 - ThrottleTimeMs 2+ int32 Topics 0+ [ Name 0+ string ErrorCode 0+ int16 ErrorMessage 1+ string? ]
        request 20 - TopicNames 0+ [string] TimeoutMs 0+ int32
        response 20 - ThrottleTimeMs 1+ int32 Responses 0+ [ Name 0+ string ErrorCode 0+ int16 ]
        request 21 - Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 Offset 0+ int64 ] ] TimeoutMs 0+ int32
        response 21 - ThrottleTimeMs 0+ int32 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 LowWatermark 0+
            int64 ErrorCode 0+ int16 ] ]
        request 22 2 TransactionalId 0+ string? TransactionTimeoutMs 0+ int32 ProducerId 3+ int64 ProducerEpoch 3+ int16
        response 22 2 ThrottleTimeMs 0+ int32 ErrorCode 0+ int16 ProducerId 0+ int64 ProducerEpoch 0+ int16
        request 32 - Resources 0+ [ ResourceType 0+ int8 ResourceName 0+ string ConfigurationKeys 0+ [string]? ] IncludeSynonyms
            1+ bool
        response 32 - ThrottleTimeMs 0+ int32 Results 0+ [ ErrorCode 0+ int16 ErrorMessage 0+ string? ResourceType 0+ int8
            ResourceName 0+ string Configs 0+ [ Name 0+ string Value 0+ string? ReadOnly 0+ bool IsDefault 0-0 bool ConfigSource
            1+ int8 IsSensitive 0+ bool Synonyms 1+ [ Name 1+ string Value 1+ string? Source 1+ int8 ] ] ]
        request 33 - Resources 0+ [ ResourceType 0+ int8 ResourceName 0+ string Configs 0+ [ Name 0+ string Value 0+ string? ] ]
            ValidateOnly 0+ bool
        response 33 - ThrottleTimeMs 0+ int32 Responses 0+ [ ErrorCode 0+ int16 ErrorMessage 0+ string? ResourceType 0+ int8
            ResourceName 0+ string ]
        request 37 - Topics 0+ [ Name 0+ string Count 0+ int32 Assignments 0+ [ BrokerIds 0+ [int32] ]? ] TimeoutMs 0+ int32
            ValidateOnly 0+ bool
        response 37 - ThrottleTimeMs 0+ int32 Results 0+ [ Name 0+ string ErrorCode 0+ int16 ErrorMessage 0+ string? ]
        request 42 - GroupsNames 0+ [string]
        response 42 - ThrottleTimeMs 0+ int32 Results 0+ [ GroupId 0+ string ErrorCode 0+ int16 ]
        request 44 - Resources 0+ [ ResourceType 0+ int8 ResourceName 0+ string Configs 0+ [ Name 0+ string ConfigOperation 0+
            int8 Value 0+ string? ] ] ValidateOnly 0+ bool
        response 44 - ThrottleTimeMs 0+ int32 Responses 0+ [ ErrorCode 0+ int16 ErrorMessage 0+ string? ResourceType 0+ int8
            ResourceName 0+ string ]
        request 47 - GroupId 0+ string Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+ int32 ] ]
        response 47 - ErrorCode 0+ int16 ThrottleTimeMs 0+ int32 Topics 0+ [ Name 0+ string Partitions 0+ [ PartitionIndex 0+
            int32 ErrorCode 0+ int16 ] ]
        request 60 0 IncludeClusterAuthorizedOperations 0+ bool
        response 60 0 ThrottleTimeMs 0+ int32 ErrorCode 0+ int16 ErrorMessage 0+ string? ClusterId 0+ string ControllerId 0+ int32
            Brokers 0+ [ BrokerId 0+ int32 Host 0+ string Port 0+ int32 Rack 0+ string? ] ClusterAuthorizedOperations 0+ int32
        """
}
