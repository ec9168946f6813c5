import Foundation

/// A mail as Python's own parser reads it.
struct Mail: Decodable {
    struct Part: Decodable {
        let type: String
        let contentID: String?
        let disposition: String?
        /// Decoded, of a text.
        let text: String?
        /// Where the bytes are, of an image.
        let file: String?
    }

    /// By names in lower case, decoded.
    let headers: [String: String]
    /// The types of the multiparts, from the outside in.
    let structure: [String]
    let parts: [Part]
    /// What the parser complains of.
    let defects: [String]

    var text: String { parts.first { $0.type == "text/plain" }?.text ?? "" }
    var html: String { parts.first { $0.type == "text/html" }?.text ?? "" }
    var images: [Part] { parts.filter { $0.type == "image/png" } }

    static func read(_ file: URL) throws -> Mail {
        let output = try Command.run("/usr/bin/python3", ["-c", program, file.path])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Mail.self, from: Data(output.utf8))
    }

    private static let program = #"""
        import email, email.policy, json, sys
        with open(sys.argv[1], "rb") as file:
            mail = email.message_from_binary_file(file, policy=email.policy.default)
        parts, structure, defects = [], [], [str(d) for d in mail.defects]
        for index, part in enumerate(mail.walk()):
            defects += [str(d) for d in part.defects]
            for name, value in part.items():
                defects += [str(d) for d in getattr(value, "defects", [])]
            if part.is_multipart():
                structure.append(part.get_content_type())
                continue
            row = {"type": part.get_content_type(), "content_i_d": part["Content-ID"], "disposition": part.get_content_disposition()}
            if part.get_content_maintype() == "text":
                row["text"] = part.get_content()
            else:
                row["file"] = "%s.%d.png" % (sys.argv[1], index)
                with open(row["file"], "wb") as out:
                    out.write(part.get_content())
            parts.append(row)
        headers = {name.lower(): str(value) for name, value in mail.items()}
        print(json.dumps({"headers": headers, "structure": structure, "parts": parts, "defects": defects}))
        """#
}

/// Programs that run to their end.
enum Command {
    /// - Returns: what it printed.
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw PostError("\(program) ended with \(process.terminationStatus)") }
        return String(decoding: output, as: UTF8.self)
    }

    /// What the codes of an image say, as zbar reads them.
    static func codes(in file: String) throws -> [String] {
        try run("/usr/bin/zbarimg", ["-q", "--raw", file]).split(separator: "\n").map(String.init)
    }
}
