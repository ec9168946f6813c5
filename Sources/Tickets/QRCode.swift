import CPng
import CQrencode

/// A text as a QR code (ISO/IEC 18004), error correction M, by libqrencode; as SVG, or as PNG by libpng.
public struct QRCode: Sendable {
    /// Longest text, in bytes; far below what a code can hold, so that it stays easy to read.
    public static let longestText = 500
    /// White modules around the code, as the standard demands.
    static let quietZone = 4

    /// Modules on a side, without the quiet zone.
    let side: Int
    /// Row by row, whether a module is black.
    let modules: [Bool]

    /// - Throws: ``TicketError/Code/image`` for an empty text, or one that is too long.
    public init(_ text: String) throws(TicketError) {
        guard !text.isEmpty, text.utf8.count <= Self.longestText, !text.utf8.contains(0) else {
            throw TicketError(.image, operation: "make a QR code", message: "the text must have 1 to \(Self.longestText) bytes")
        }
        // Version 0: the smallest that holds the text; digits and capitals are packed more closely than the rest.
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else {
            throw TicketError(.image, operation: "make a QR code", message: "libqrencode refused the text")
        }
        defer { QRcode_free(code) }
        side = Int(code.pointee.width)
        guard let data = code.pointee.data else { throw TicketError(.image, operation: "make a QR code", message: "libqrencode made nothing") }
        modules = UnsafeBufferPointer(start: data, count: side * side).map { $0 & 1 == 1 }
    }

    /// A text's code as an SVG element with its own namespace: a document, or part of a page.
    public static func svg(_ text: String, label: String = "QR code") throws(TicketError) -> String { try QRCode(text).svg(label: label) }

    /// A text's code as a PNG file.
    public static func png(_ text: String, pixelsPerModule: Int = 8) throws(TicketError) -> [UInt8] {
        try QRCode(text).png(pixelsPerModule: pixelsPerModule)
    }

    /// - Parameter label: what is read out instead of it.
    public func svg(label: String) -> String {
        var path = ""
        for row in 0..<side {
            var column = 0
            while column < side {
                let start = column
                while column < side, modules[row * side + column] { column += 1 }
                if column > start { path += "M\(start + Self.quietZone) \(row + Self.quietZone)h\(column - start)v1h-\(column - start)z" }
                column += 1
            }
        }
        let size = side + 2 * Self.quietZone
        let name = label.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size) \(size)" shape-rendering="crispEdges" role="img" aria-label="\(name)">\
            <path fill="#fff" d="M0 0h\(size)v\(size)H0z"/><path fill="#000" d="\(path)"/></svg>
            """
    }

    /// - Parameter pixelsPerModule: 1 to 32.
    public func png(pixelsPerModule: Int = 8) throws(TicketError) -> [UInt8] {
        let scale = min(max(pixelsPerModule, 1), 32)
        let size = (side + 2 * Self.quietZone) * scale
        var pixels = [UInt8](repeating: 255, count: size * size)
        for row in 0..<side {
            for column in 0..<side where modules[row * side + column] {
                for line in 0..<scale {
                    let start = ((row + Self.quietZone) * scale + line) * size + (column + Self.quietZone) * scale
                    for pixel in start..<start + scale { pixels[pixel] = 0 }
                }
            }
        }
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        image.width = png_uint_32(size)
        image.height = png_uint_32(size)
        image.format = png_uint_32(PNG_FORMAT_GRAY)
        defer { png_image_free(&image) }
        // Two colours never need more than the pixels do, even where nothing could be packed.
        var file = [UInt8](repeating: 0, count: pixels.count + 4096)
        var length = file.count
        guard png_image_write_to_memory(&image, &file, &length, 0, pixels, 0, nil) != 0 else {
            throw TicketError(.image, operation: "make a PNG", message: "libpng refused the image")
        }
        return Array(file.prefix(length))
    }
}
