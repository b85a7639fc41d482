"""What is said on the phone in the simulated call centre, in the languages of its agents."""

from __future__ import annotations

from typing import NamedTuple

_SECONDS_PER_LINE = 12
_MOST_LINES = 40


class Phrases(NamedTuple):
    """Lines of one language; `{caller}` and `{topic}` stand for what they say.

    Attributes:
        opening: The agent's first line, and the caller's.
        agent: What agents say then.
        caller: What callers say then.
        closing: The agent's last line, and the caller's.
    """

    opening: tuple[str, str]
    agent: tuple[str, ...]
    caller: tuple[str, ...]
    closing: tuple[str, str]


ENGLISH = Phrases(
    ("Thank you for calling, how can I help?", "This is {caller}. It is about {topic}."),
    (
        "Let me look that up for you.",
        "Could you give me the number on the letter, please?",
        "I can see it here. That took longer than it should have — I am sorry.",
        "I have changed that just now. You will get a message in a few minutes. 📩",
        'It says "pending" on my side; I will set it to "done".',
        "The best number to reach you is still the one you are calling from?",
    ),
    (
        "Yes, of course.",
        "It says A as in Alpha, 7, 7, 0.",
        "I have been waiting since Tuesday, to be honest. 😕",
        "Okay… and that costs nothing extra?",
        "No, use +1 312 555 0132 instead.",
        "That would be great!",
    ),
    ("Is there anything else I can do for you?", "No, that was all. Thanks, bye! 👋"),
)

LANGUAGES: dict[str, Phrases] = {
    "en": ENGLISH,
    "fr": Phrases(
        ("Bonjour, comment puis-je vous aider ?", "Ici {caller}, c'est au sujet de : {topic}."),
        (
            "Je regarde tout de suite votre dossier.",
            "C'est noté. Vous recevrez un courriel d'ici ce soir.",
            "Désolé pour l'attente… voilà, c'est réglé. ✅",
        ),
        ("Oui, très bien.", "Ça fait déjà deux semaines, hein.", "D'accord, merci beaucoup."),
        ("Autre chose pour vous ?", "Non, merci. Bonne journée !"),
    ),
    "es": Phrases(
        ("¡Buenos días! ¿En qué puedo ayudarle?", "Soy {caller}, llamo por {topic}."),
        (
            "Un momento, lo estoy mirando.",
            "Ya está corregido; mañana lo verá en su cuenta. 👍",
            "¿Me confirma el número del pedido?",
        ),
        ("Sí, claro.", "¿Y cuándo llega? El niño pregunta cada día.", "Perfecto, muchas gracias."),
        ("¿Algo más?", "No, nada más. ¡Adiós!"),
    ),
    "de": Phrases(
        ("Grüezi, was kann ich für Sie tun?", "{caller} hier, es geht um {topic}."),
        (
            "Einen Moment, ich schaue gleich nach.",
            "Das habe ich geändert; die Bestätigung kommt per E-Mail.",
            "Das tut mir leid, da ist etwas schiefgelaufen. 😬",
        ),
        ("Ja, genau.", "Das höre ich zum dritten Mal …", "Super, danke schön!"),
        ("Kann ich sonst noch etwas für Sie tun?", "Nein danke, auf Wiederhören."),
    ),
    "ar": Phrases(
        ("مرحبا، كيف يمكنني مساعدتك؟", "أنا {caller}، بخصوص {topic}."),
        ("لحظة من فضلك.", "تم التعديل الآن. ستصلك رسالة قريبا. 📩", "هل يمكنك تأكيد رقم الطلب؟"),
        ("نعم، بالطبع.", "الرقم هو 4471.", "شكرا جزيلا! 🌷"),
        ("هل هناك شيء آخر؟", "لا، شكرا. مع السلامة."),
    ),
    "he": Phrases(
        ("שלום, איך אפשר לעזור?", "מדברת {caller}, זה בנושא {topic}."),
        ("רק רגע, אני בודק.", "תיקנתי את זה עכשיו, תקבלי הודעה. ✅", "מה מספר ההזמנה, בבקשה?"),
        ("כן, בטח.", 'המספר הוא 4471 — "דחוף".', "תודה רבה!"),
        ("עוד משהו?", "לא, תודה. להתראות."),
    ),
    "ja": Phrases(
        (
            "お電話ありがとうございます。ご用件をどうぞ。",
            "{caller}と申します。{topic}の件です。",
        ),
        (
            "少々お待ちください。",
            "ただいま変更いたしました。🙇",
            "ご注文番号をお願いいたします。",
        ),
        ("はい、お願いします。", "番号は4471です。", "助かります。"),
        ("ほかにございますか。", "いいえ、ありがとうございました。"),
    ),
}


def talk(language: str, caller: str, topics: tuple[str, ...], seconds: float, seed: int) -> str:
    """Return what is said in a call, a line for each message.

    Args:
        language: The language, a key of `LANGUAGES`.
        caller: The caller's name.
        topics: What it is about.
        seconds: How long the call lasts.
        seed: What chance depends on.
    """
    phrases = LANGUAGES[language]
    turns = min(_MOST_LINES, round(seconds / _SECONDS_PER_LINE)) // 2 - 2
    topic = ", ".join(topics)
    lines = [line.format(caller=caller, topic=topic) for line in phrases.opening]
    for turn in range(max(0, turns)):
        lines.append(phrases.agent[(seed + turn) % len(phrases.agent)])
        lines.append(phrases.caller[(seed // 7 + turn) % len(phrases.caller)])
    return "\n".join([*lines, *phrases.closing])
