import Domain
import Foundation
import Testing
import Yams

@testable import Topics

struct TopicCatalogueTests {
    @Test func theDeclarationsAndTheCodeNameTheSameTopics() throws {
        let catalogue = try TopicCatalogue.load()
        #expect(Set(catalogue.topics.map(\.topic)) == Set(Topic.allCases))
        #expect(catalogue.topics.count == Topic.allCases.count)
    }

    @Test func everyTypeOfTheDomainIsCarriedByExactlyOneTopic() throws {
        let catalogue = try TopicCatalogue.load()
        for type in MessageType.allCases { #expect(catalogue.topics(carrying: type.rawValue).count == 1, "\(type.rawValue)") }
        let declared = Set(catalogue.topics.flatMap(\.types))
        #expect(declared == Set(MessageType.allCases.map(\.rawValue)))
    }

    @Test func eventsAndDeadLettersAreKeptForEverCommandsRetriesAndRedrivesAWeek() throws {
        for declaration in try TopicCatalogue.load().topics {
            #expect(declaration.partitions == 12)
            #expect(declaration.settings["retention.ms"] == ([.commands, .retries, .redrives].contains(declaration.kind) ? "604800000" : "-1"))
        }
    }

    @Test func deadLettersCarryWhatTheirSourcesCarry() throws {
        let catalogue = try TopicCatalogue.load()
        #expect(Topic.deadLetters(of: "inventory-sync") == .inventorySyncDeadLetters)
        #expect(Topic.deadLetters(of: "nobody") == nil)
        #expect(catalogue[.inventorySyncDeadLetters]?.types == catalogue[.bookingEvents]?.types)
        #expect(catalogue[.expiryDeadLetters]?.sources == [.bookingCommands])
    }

    @Test func retriesBelongToTheirGroupAndCarryWhatItsCommandsCarry() throws {
        let catalogue = try TopicCatalogue.load()
        #expect(Topic.retries(of: "payment") == [.paymentRetry1, .paymentRetry2, .paymentRetry3])
        #expect(Topic.retries(of: "inventory-sync") == [])
        for topic in Topic.retries(of: "payment") {
            #expect(catalogue[topic]?.group == "payment")
            #expect(catalogue[topic]?.types == catalogue[.paymentCommands]?.types)
        }
    }

    @Test func everyGroupThatGivesUpHasATopicForWhatIsRedriven() throws {
        let catalogue = try TopicCatalogue.load()
        #expect(Topic.redrives(of: "nobody") == nil)
        for letters in catalogue.topics where letters.kind == .deadLetters {
            let group = try #require(letters.group)
            let redrives = try #require(Topic.redrives(of: group).flatMap { catalogue[$0] }, "\(group)")
            #expect(redrives.kind == .redrives)
            #expect(redrives.group == group)
            #expect(redrives.types == letters.types)
        }
    }

    @Test(arguments: [
        ("topics: 3", "list named topics"),
        ("topics: [", "not YAML"),
        ("topics: []\nmore: 1", "unknown key more"),
        ("topics:\n  - {kind: events}", "without a name"),
        ("topics:\n  - {name: seat.events}", "no case for it"),
        ("topics:\n  - {name: booking.events, partition: 3}", "unknown key partition"),
        ("topics:\n  - {name: booking.events, kind: facts}", "kind must be one of"),
        ("topics:\n  - {name: booking.events, kind: events, partitions: 0}", "partitions must be"),
        ("topics:\n  - {name: booking.events, kind: events, partitions: 1, description: d, key: k, types: [a], retention: 7}", "retention must be"),
        ("topics:\n  - {name: booking.events, kind: events, partitions: 1, description: d, key: k, types: [], retention: 7d}", "carries no types"),
        ("topics:\n  - {name: booking.events, kind: events, partitions: 1, description: d, key: k, types: [a], retention: 7d}", "does not declare"),
        (
            "topics:\n  - {name: booking.commands, kind: commands, partitions: 1, description: d, key: k, types: [a], retention: 7d}\n"
                + "  - {name: payment.retry.1, kind: retries, partitions: 1, description: d, key: k, group: expiry, of: [booking.commands], retention: 7d}",
            "named after its group"
        ),
        (
            "topics:\n  - {name: booking.commands, kind: commands, partitions: 1, description: d, key: k, types: [a], retention: 7d}\n"
                + "  - {name: payment.redrive, kind: redrives, partitions: 1, description: d, key: k, group: expiry, of: [booking.commands], retention: 7d}",
            "named after its group"
        ),
        ("topics:\n  - {name: booking.events, kind: events}\n  - {name: booking.events, kind: events}", "declared twice"),
    ])
    func aWrongDeclarationIsAnErrorThatNamesIt(yaml: String, complaint: String) throws {
        let error = #expect(throws: TopicError.self) { _ = try TopicCatalogue(yaml: yaml) }
        #expect(error?.code == .invalidDeclaration)
        #expect(error?.message.contains(complaint) == true, "\(error?.message ?? "")")
    }

    @Test func theAsyncAPIDocumentNamesExactlyTheDeclaredTopicsAndTypes() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../topics/asyncapi.yaml").path
        let document = try #require(try Yams.compose(yaml: String(contentsOfFile: path, encoding: .utf8)))
        #expect(document["asyncapi"]?.string == "3.0.0")
        let catalogue = try TopicCatalogue.load()
        let messages = try #require(document["components"]?["messages"]?.mapping)
        var named: [String: Set<String>] = [:]
        for (key, channel) in try #require(document["channels"]?.mapping) {
            let topic = try #require(channel["address"]?.string)
            let declaration = try #require(catalogue.topics.first { $0.topic.name == topic }, "\(topic) is not declared")
            #expect(key.string == "\(declaration.topic)")
            let kafka = try #require(channel["bindings"]?["kafka"])
            #expect(kafka["topic"]?.string == topic)
            #expect(kafka["partitions"]?.int == declaration.partitions)
            #expect(kafka["topicConfiguration"]?["retention.ms"]?.string == declaration.settings["retention.ms"])
            for (_, reference) in try #require(channel["messages"]?.mapping) {
                let target = try #require(reference["$ref"]?.string?.split(separator: "/").last)
                named[topic, default: []].insert(try #require(messages[String(target)]?["name"]?.string))
            }
        }
        #expect(named == Dictionary(uniqueKeysWithValues: catalogue.topics.map { ($0.topic.name, Set($0.types)) }))
        let all = messages.compactMap { $0.value["name"]?.string }
        #expect(Set(all) == Set(catalogue.topics.flatMap(\.types)))
        // Every reference leads somewhere.
        var references: [String] = []
        collect(document, into: &references)
        #expect(references.count > 30)
        for reference in references {
            var node: Node? = document
            for part in reference.dropFirst(2).split(separator: "/") { node = node?[String(part)] }
            #expect(node != nil, "\(reference)")
        }
    }

    private func collect(_ node: Node, into references: inout [String]) {
        if let mapping = node.mapping {
            for (key, value) in mapping {
                if key.string == "$ref", let text = value.string { references.append(text) } else { collect(value, into: &references) }
            }
        } else if let sequence = node.sequence {
            for value in sequence { collect(value, into: &references) }
        }
    }
}
