import Domain

/// One line of the journal: something that happened to the books. What follows from it is worked out anew at each start.
struct JournalEntry: Equatable {
    enum Kind: String {
        case create
        case confirm
        /// A bank transfer or wallet came to its end.
        case settle
        case cancel
        case refund
        case settleRefund = "settle_refund"
        /// An event was taken, or given up.
        case delivered
    }

    /// The idempotency key of the request, and a hash of its parameters.
    struct Key: Equatable {
        let text: String
        let hash: Int64
    }

    var kind: Kind
    /// `pi_…`, `re_…` or `evt_…`
    var id: String
    /// In Unix milliseconds.
    var atMs: Int64
    var key: Key?
    /// Of a refund.
    var intent = ""
    var amount: Int64 = 0
    var currency = ""
    /// The intent's payment method type.
    var method = ""
    /// The payment method.
    var token: String?
    var metadata: [String: String] = [:]
    /// Whether a settlement is a success.
    var isSuccess = false
    /// When it will be settled, in Unix milliseconds; 0 is never or not at all.
    var settlesAtMs: Int64 = 0

    init(_ kind: Kind, id: String, atMs: Int64, key: Key? = nil) {
        self.kind = kind
        self.id = id
        self.atMs = atMs
        self.key = key
    }

    /// One line of JSON with its line break.
    var line: [UInt8] {
        var json = JSONWriter(reserving: 256)
        json.object { json in
            json.member("op", kind.rawValue)
            json.member("id", id)
            json.member("at", atMs)
            if let key {
                json.member("key", key.text)
                json.member("hash", key.hash)
            }
            if !intent.isEmpty { json.member("intent", intent) }
            if amount != 0 { json.member("amount", amount) }
            if !currency.isEmpty { json.member("currency", currency) }
            if !method.isEmpty { json.member("method", method) }
            json.member("token", ifPresent: token)
            if !metadata.isEmpty {
                json.key("metadata")
                json.raw(StripeJSON.metadata(metadata))
            }
            if isSuccess { json.member("ok", true) }
            if settlesAtMs != 0 { json.member("settles", settlesAtMs) }
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    /// Reads one line without its line break.
    init(line: [UInt8]) throws(JSONError) {
        var reader = JSONReader(line)
        var entry = JournalEntry(.create, id: "", atMs: 0)
        var kind: Kind?
        var keyText: String?
        var hash: Int64 = 0
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "op": kind = Kind(rawValue: try value.string())
            case "id": entry.id = try value.string()
            case "at": entry.atMs = try value.int()
            case "key": keyText = try value.string()
            case "hash": hash = try value.int()
            case "intent": entry.intent = try value.string()
            case "amount": entry.amount = try value.int()
            case "currency": entry.currency = try value.string()
            case "method": entry.method = try value.string()
            case "token": entry.token = try value.string()
            case "metadata":
                var metadata: [String: String] = [:]
                try value.object { (name, text) throws(JSONError) in metadata[name] = try text.string() }
                entry.metadata = metadata
            case "ok": entry.isSuccess = try value.bool()
            case "settles": entry.settlesAtMs = try value.int()
            default: try value.skip()
            }
        }
        try reader.end()
        guard let kind, !entry.id.isEmpty else { throw JSONError(path: ["op"], reason: "is missing or not known") }
        entry.kind = kind
        entry.key = keyText.map { Key(text: $0, hash: hash) }
        self = entry
    }
}
