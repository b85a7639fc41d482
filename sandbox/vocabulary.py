"""What people in the simulated call centre are called and talk about. All of it is invented."""

AGENTS = {
    "agent_support01": "Customer Support Agent",
    "agent_sales0002": "Sales Agent",
    "agent_billing03": "Billing & Refunds",
    "agent_quebec004": "Réception Québec",
    "agent_espanol05": "Atención al Cliente",
    "agent_zuerich06": "Kundendienst Zürich",
    "agent_arabic007": "خدمة العملاء",
    "agent_hebrew008": "שירות לקוחות",
    "agent_japan0009": "お客様サポート",
}

CALLERS = (
    "Zoë Testová",
    "José Ejemplo",
    "Anaïs Fictive",
    "Łukasz Przykład",
    "Jörg Müller-Beispiel",
    "Sam O'Sample",
    'Ada "Demo" Placeholder',
    "أمل مثال",
    "דנה לדוגמה",
    "例 花子",
    "Ngô Thị Ví Dụ",
)

# outcome: topics that lead to it, and what its summary says
SUBJECTS = {
    "issue_resolved": (
        ("billing", "refund", "account", "invoice"),
        "{caller} called regarding a billing issue. It was resolved. 😊",
    ),
    "appointment_booked": (
        ("scheduling", "appointment", "opening hours"),
        "{caller} booked an appointment for next week.\nA reminder will be sent. 📅",
    ),
    "callback_requested": (
        ("technical support", "outage", "café Wi-Fi"),
        "{caller} asked for a callback about a naïve question: why is the Wi-Fi down?",
    ),
    "escalated": (
        ("complaint", "shipping", "cancellation", "refund"),
        "{caller} was unhappy with a late delivery and wants a refund — escalated to a person.",
    ),
    "sale_completed": (
        ("pricing", "upgrade", "subscription"),
        "{caller} upgraded the subscription. Total: 1.299,00 €",
    ),
    "information_provided": (
        ("opening hours", "pricing", "שעות פתיחה", "مواعيد العمل"),
        "{caller} شكرا جزيلا — asked about opening hours.",
    ),
}

# what they speak; the others speak English
SPOKEN = {
    "agent_quebec004": "fr",
    "agent_espanol05": "es",
    "agent_zuerich06": "de",
    "agent_arabic007": "ar",
    "agent_hebrew008": "he",
    "agent_japan0009": "ja",
}

# area codes for +1 AAA 555 01XX, the range kept free for fiction
AREA_CODES = (202, 212, 303, 312, 415, 503, 617, 702, 808, 907)
