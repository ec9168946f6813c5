import Foundation
import LocalStack

/// The part of JSON Schema that our schemas use; a keyword that it does not know is a failure, not silence.
struct JSONSchema {
    private let root: JSONValue

    /// A file of `Schemas`, without `.json`.
    init(named name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Schemas/\(name).json")
        root = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: file))
    }

    /// What is wrong with a value; empty when it is right.
    func faults(in value: JSONValue) -> [String] { Self.faults(value, root, at: "") }

    private static func faults(_ value: JSONValue, _ schema: JSONValue, at path: String) -> [String] {
        var faults: [String] = []
        for (keyword, rule) in schema.object ?? [:] where !holds(keyword, rule, value, schema) {
            faults.append("\(path.isEmpty ? "/" : path): \(keyword) \(rule)")
        }
        for (name, member) in value.object ?? [:] {
            let rule = schema["properties"][name]
            let other = schema["additionalProperties"]
            if !rule.isNull {
                faults += Self.faults(member, rule, at: "\(path)/\(name)")
            } else if other.bool == false {
                faults.append("\(path)/\(name): not allowed")
            } else if other.object != nil {
                faults += Self.faults(member, other, at: "\(path)/\(name)")
            }
        }
        for (index, element) in (value.array ?? []).enumerated() where !schema["items"].isNull {
            faults += Self.faults(element, schema["items"], at: "\(path)/\(index)")
        }
        return faults
    }

    private static func holds(_ keyword: String, _ rule: JSONValue, _ value: JSONValue, _ schema: JSONValue) -> Bool {
        switch keyword {
        case "properties", "additionalProperties", "items": true
        case "type":
            switch rule.string {
            case "object": value.object != nil
            case "array": value.array != nil
            case "string": value.string != nil
            case "integer": value.int != nil
            default: false
            }
        case "const": value == rule
        case "enum": rule.array?.contains(value) == true
        case "required": (rule.array ?? []).allSatisfy { !value[$0.string ?? ""].isNull }
        case "minimum": (value.double ?? -.infinity) >= (rule.double ?? .infinity)
        case "maximum": (value.double ?? .infinity) <= (rule.double ?? -.infinity)
        case "minLength": (value.string?.count ?? 0) >= (rule.int ?? .max)
        case "minItems": (value.array?.count ?? 0) >= (rule.int ?? .max)
        case "minProperties": (value.object?.count ?? 0) >= (rule.int ?? .max)
        case "maxProperties": (value.object?.count ?? .max) <= (rule.int ?? 0)
        case "pattern":
            value.string.map { text in (try? Regex(rule.string ?? "").firstMatch(in: text)) ?? nil != nil } ?? false
        case "anyOf": (rule.array ?? []).contains { faults(value, $0, at: "").isEmpty }
        default: false
        }
    }
}
