import Tickets

/// The words around a notification's own text.
struct Words: Sendable {
    let event, when, place, zone, seats, general, booking, total, heldUntil, amount, refunded, paymentMethod, passUntil: String
    let ticket, openTicket, section, row, seat, footer: String

    static func of(_ locale: TicketLocale) -> Words { locale == .th ? thai : english }

    /// How a payment was made.
    static func method(_ method: String, _ locale: TicketLocale) -> String {
        switch (method, locale) {
        case ("card", .en): "Card"
        case ("bank_transfer", .en): "Bank transfer"
        case ("wallet", .en): "Wallet"
        case ("card", .th): "บัตร"
        case ("bank_transfer", .th): "โอนผ่านธนาคาร"
        case ("wallet", .th): "กระเป๋าเงินอิเล็กทรอนิกส์"
        default: method
        }
    }

    private static let english = Words(
        event: "Event", when: "When", place: "Where", zone: "Zone", seats: "Places", general: "general admission", booking: "Booking", total: "Total",
        heldUntil: "Held until", amount: "Amount", refunded: "Given back", paymentMethod: "Paid by", passUntil: "Your turn ends", ticket: "Ticket",
        openTicket: "Open your tickets", section: "Section", row: "Row", seat: "Seat",
        footer: "You get this mail because of a booking of yours. Please do not answer it.")

    private static let thai = Words(
        event: "งาน", when: "วันเวลา", place: "สถานที่", zone: "โซน", seats: "ที่นั่ง", general: "ไม่ระบุที่นั่ง", booking: "หมายเลขการจอง", total: "ยอดรวม",
        heldUntil: "เก็บที่ไว้ถึง", amount: "จำนวนเงิน", refunded: "เงินคืน", paymentMethod: "ชำระด้วย", passUntil: "สิทธิ์ของคุณหมดเวลา", ticket: "บัตร",
        openTicket: "เปิดบัตรของคุณ", section: "ส่วน", row: "แถว", seat: "เลขที่", footer: "คุณได้รับอีเมลฉบับนี้เนื่องจากการจองของคุณ โปรดอย่าตอบกลับ")
}
