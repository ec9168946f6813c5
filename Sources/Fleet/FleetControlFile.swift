import Foundation
import Glibc

/// How to reach the supervisor of a folder: `fleet.json`, which only its owner can read.
struct FleetControlFile: Codable {
    /// On the loopback.
    let port: Int
    /// What requests must carry; any user of the machine can reach the port.
    let token: String
    let pid: Int32

    static func path(in directory: String) -> String { "\(directory)/fleet.json" }

    static func read(in directory: String) throws(FleetError) -> FleetControlFile {
        guard let data = FileManager.default.contents(atPath: path(in: directory)),
            let file = try? FleetJSON.decoder().decode(FleetControlFile.self, from: data), kill(file.pid, 0) == 0 || errno == EPERM
        else {
            throw FleetError(
                .notRunning, operation: "ask the fleet",
                message: "none runs in \(directory); ops/run or rushctl fleet up starts one, --directory names its folder")
        }
        return file
    }

    func write(in directory: String) throws(FleetError) {
        let path = Self.path(in: directory)
        // Never readable by others, not even for the moment of its making.
        unlink(path)
        let data = (try? FleetJSON.encoder().encode(self)) ?? Data()
        guard FileManager.default.createFile(atPath: path, contents: data, attributes: [.posixPermissions: 0o600]) else {
            throw FleetError(.system, operation: "write \(path)", message: "it cannot be made")
        }
    }

    static func remove(in directory: String) { unlink(path(in: directory)) }
}

/// The body of a request that changes something.
struct FleetOrder: Codable {
    /// Absent: all of them.
    var worker: String?
    /// Of `scale`; absent: follow the lag.
    var copies: Int?
    /// Of `drain`; absent: all copies.
    var copy: Int?
    /// Who wants it, as audits say it: `operator:root`.
    var actor: String?
}
