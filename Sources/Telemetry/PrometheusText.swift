/// The text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
enum PrometheusText {
    /// The media type of ``render(_:rejected:)``.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ families: [String: PrometheusRegistry.Family], rejected: Int) -> String {
        var text = ""
        text.reserveCapacity(16 * 1024)
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(escapedHelp(family.help))\n# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, cell) in family.series.sorted(by: { $0.key < $1.key }) {
                append(cell, name: name, labels: labels, to: &text)
            }
        }
        if rejected > 0 {
            text += "# HELP telemetry_rejected_series_total Series refused for their type or number.\n"
            text += "# TYPE telemetry_rejected_series_total counter\ntelemetry_rejected_series_total \(rejected)\n"
        }
        return text
    }

    private static func append(_ cell: PrometheusRegistry.Cell, name: String, labels: String, to text: inout String) {
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        switch cell {
        case .counter(let counter): text += "\(name)\(braces) \(counter.value)\n"
        case .floatingPointCounter(let counter): text += "\(name)\(braces) \(number(counter.value))\n"
        case .gauge(let gauge): text += "\(name)\(braces) \(number(gauge.value))\n"
        case .histogram(let histogram):
            let (cumulative, sum) = histogram.snapshot()
            let prefix = labels.isEmpty ? "" : labels + ","
            for (index, bound) in HistogramCell.bounds.enumerated() {
                text += "\(name)_bucket{\(prefix)le=\"\(number(bound))\"} \(cumulative[index])\n"
            }
            let count = cumulative[HistogramCell.bounds.count]
            text += "\(name)_bucket{\(prefix)le=\"+Inf\"} \(count)\n\(name)_sum\(braces) \(number(sum))\n\(name)_count\(braces) \(count)\n"
        }
    }

    /// Whole numbers without a fraction, and the format's own words for what is not finite.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }

    /// The label set in order of the names, so that the same labels are the same series in whatever order they come.
    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.sorted { $0.0 < $1.0 }
            .map { "\(sanitised($0.0, colons: false))=\"\(escapedValue($0.1))\"" }
            .joined(separator: ",")
    }

    /// A name with what the format forbids replaced by `_`; colons are allowed in metric names only.
    static func sanitised(_ name: String, colons: Bool = true) -> String {
        var text = String(
            name.unicodeScalars.map { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
                case ":" where colons: ":"
                default: "_"
                }
            })
        if text.isEmpty || text.utf8.first.map({ (48...57).contains($0) }) == true { text = "_" + text }
        return text
    }

    private static func escapedValue(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func escapedHelp(_ help: String) -> String {
        var text = ""
        for scalar in help.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
