import Hummingbird

extension Request {
    /// Refuses a query that names what its route does not know: a filter that is passed over shows more than was asked for.
    func checkQuery(knows names: Set<Substring>) throws(APIError) {
        for (name, _) in uri.queryParameters where !names.contains(name) {
            throw APIError(.validation, "The request is not valid.", field: String(name.prefix(64)), reason: "is not a known parameter")
        }
    }
}
