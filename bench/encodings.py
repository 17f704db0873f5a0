"""How often the encoding of a text is told rightly, by language, encoding and length.

    python -m bench.encodings

Every sentence is encoded in each encoding of its language, cut to a number of characters, and
decoded by `ingest.readers.encoding.decode`; right means that every character is as it was.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ingest.readers.encoding import decode

RESULTS = Path(__file__).parent / "results" / "encodings.json"
LENGTHS = (10, 20, 40, 1000)  # characters

# Language -> its encodings, its sentences.
SENTENCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "zh-Hans": (
        ("utf-8", "gb18030", "gbk", "utf-16-le", "utf-16-be", "utf-16", "utf-32-le"),
        (
            "本制度适用于全体员工，出差人员应当在返回后十个工作日内报销。",
            "产品在运输过程中损坏的，客户可以要求换货或者退款。",
            "董事会于三月二十日召开会议，审议通过了年度财务报告。",
            "请在使用前仔细阅读说明书，并妥善保管以备日后查阅。",
            "水泵启动后如有异响，应立即切断电源并检查叶轮。",
            "合同自双方签字盖章之日起生效，有效期三年。",
            "昨天下午我们去公园散步，看见许多孩子在放风筝。",
            "仓库温度不得超过三十摄氏度，湿度保持在百分之六十以下。",
        ),
    ),
    "zh-Hant": (
        ("utf-8", "big5", "gb18030", "utf-16-le"),
        (
            "本公司員工請假應事先填寫申請單，經主管核准後生效。",
            "商品售出後七日內，如有瑕疵可憑發票辦理退換貨。",
            "颱風來襲期間，請民眾避免前往海邊及山區活動。",
            "會議將於下週三上午十點在三樓會議室舉行。",
            "這本書介紹臺灣的歷史、地理與風俗習慣。",
            "使用前請詳細閱讀說明書，並確認電源電壓是否相符。",
        ),
    ),
    "ja": (
        ("utf-8", "shift_jis", "euc_jp", "iso2022_jp", "utf-16-le"),
        (
            "この製品を使用する前に、必ず取扱説明書をお読みください。",
            "会議は来週の水曜日、午前十時から三階の会議室で行います。",
            "出張の費用は、帰社後十日以内に精算してください。",
            "お客様の個人情報は、法令に従って適切に管理いたします。",
            "昨日は雨が降ったので、家で本を読んで過ごしました。",
            "エラーが表示された場合は、電源を切って再起動してください。",
        ),
    ),
    "ko": (
        ("utf-8", "euc_kr", "cp949", "utf-16-le"),
        (
            "이 제품을 사용하기 전에 반드시 설명서를 읽어 주십시오.",
            "회의는 다음 주 수요일 오전 열 시에 열립니다.",
            "출장 비용은 돌아온 날부터 열흘 안에 정산해야 합니다.",
            "고객의 개인정보는 법령에 따라 안전하게 관리됩니다.",
            "어제는 비가 와서 집에서 책을 읽으며 시간을 보냈다.",
        ),
    ),
    "ru": (
        ("utf-8", "cp1251", "koi8_r", "cp866", "iso8859_5", "utf-16-le"),
        (
            "Перед использованием внимательно прочитайте инструкцию.",
            "Собрание состоится в среду в десять часов утра.",
            "Договор вступает в силу с момента подписания сторонами.",
            "Вчера шёл дождь, и мы весь день читали книги дома.",
            "При появлении постороннего шума немедленно отключите насос.",
        ),
    ),
    "uk": (
        ("utf-8", "cp1251"),
        (
            "Перед використанням уважно прочитайте інструкцію.",
            "Договір набирає чинності з дня його підписання сторонами.",
            "Їхній дім стоїть біля річки, де ми ловили рибу.",
        ),
    ),
    "de": (
        ("utf-8", "cp1252", "latin-1", "utf-16-le"),
        (
            "Die Prüfung der Geräte erfolgt jährlich; über Mängel wird sofort berichtet.",
            "Für Rückfragen stehen wir Ihnen während der Öffnungszeiten zur Verfügung.",
            "Müller fährt morgen früh nach München.",
            "Größe und Gewicht müssen auf dem Gehäuse vermerkt sein.",
        ),
    ),
    "fr": (
        ("utf-8", "cp1252", "latin-1"),
        (
            "Le contrat prend effet à la date de sa signature par les deux parties.",
            "L’employé présente sa demande de congé à son supérieur hiérarchique.",
            "Où est passée la clé du bâtiment ? Elle était là hier.",
            "Ça coûte trop cher, même après la réduction accordée en août.",
        ),
    ),
    "es": (
        ("utf-8", "cp1252", "latin-1"),
        (
            "¿Dónde está la oficina? El señor Muñoz llegará mañana.",
            "La reunión se celebrará el miércoles a las diez de la mañana.",
            "El niño pidió más información sobre la garantía del producto.",
        ),
    ),
    "pt": (
        ("utf-8", "cp1252"),
        (
            "A reunião será realizada na próxima quarta-feira às dez horas.",
            "As informações não são válidas após o término do contrato.",
        ),
    ),
    "sv": (
        ("utf-8", "cp1252"),
        (
            "Mötet äger rum på onsdag klockan tio på övervåningen.",
            "Läs bruksanvisningen noga innan du använder apparaten.",
        ),
    ),
    "pl": (
        ("utf-8", "cp1250", "iso8859_2"),
        (
            "Umowa wchodzi w życie z dniem podpisania przez obie strony.",
            "Proszę dokładnie przeczytać instrukcję przed użyciem urządzenia.",
            "Wczoraj padał deszcz, więc czytaliśmy książki w domu.",
        ),
    ),
    "cs": (
        ("utf-8", "cp1250", "iso8859_2"),
        (
            "Před použitím si pečlivě přečtěte návod k obsluze.",
            "Schůzka se koná ve středu v deset hodin dopoledne.",
            "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        ),
    ),
    "hu": (
        ("utf-8", "cp1250"),
        (
            "Használat előtt figyelmesen olvassa el az útmutatót.",
            "A szerződés az aláírás napján lép hatályba.",
        ),
    ),
    "tr": (
        ("utf-8", "cp1254"),
        (
            "Kullanmadan önce lütfen kılavuzu dikkatlice okuyunuz.",
            "Toplantı çarşamba günü saat onda yapılacaktır.",
        ),
    ),
    "el": (
        ("utf-8", "cp1253", "iso8859_7"),
        (
            "Διαβάστε προσεκτικά τις οδηγίες πριν από τη χρήση.",
            "Η σύμβαση τίθεται σε ισχύ την ημέρα της υπογραφής.",
        ),
    ),
    "he": (
        ("utf-8", "cp1255"),
        (
            "יש לקרוא את ההוראות בעיון לפני השימוש במכשיר.",
            "הפגישה תתקיים ביום רביעי בשעה עשר בבוקר.",
        ),
    ),
    "ar": (
        ("utf-8", "cp1256", "iso8859_6"),
        (
            "يرجى قراءة التعليمات بعناية قبل استخدام الجهاز.",
            "يعقد الاجتماع يوم الأربعاء في الساعة العاشرة.",
        ),
    ),
    "th": (
        ("utf-8", "cp874"),
        ("โปรดอ่านคู่มือการใช้งานอย่างละเอียดก่อนใช้เครื่อง", "การประชุมจะจัดขึ้นในวันพุธเวลาสิบโมงเช้า"),
    ),
    "en": (
        ("ascii", "cp1252", "utf-16-le", "utf-16-be", "cp500"),
        (
            "The pump must be switched off before the cover is opened.",
            "Employees submit travel expenses within ten working days.",
            "The team lost – as expected – at 28.5°E, 6½ miles off.",
            "Plants—in the main—cost £30 × 2 in the region of San Diego–Tijuana.",
            "The manufacturer’s warranty – two years – doesn’t cover misuse.",
        ),
    ),
}  # fmt: skip


def cases(length: int) -> Iterator[tuple[str, str, str]]:
    """(language, encoding, text) for every sentence that the encoding can hold."""
    for language, (encodings, sentences) in SENTENCES.items():
        for encoding in encodings:
            for sentence in sentences:
                text = sentence[:length]
                try:
                    text.encode(encoding)
                except UnicodeEncodeError:
                    continue
                yield language, encoding, text


def is_right(encoding: str, text: str) -> bool:
    """Whether the text comes back from its bytes."""
    return decode(text.encode(encoding)) == text


def main() -> None:
    """Print and write the shares that were right, and each text that was not."""
    shares: dict[str, dict[str, str]] = {}
    for length in LENGTHS:
        right, total = defaultdict[str, int](int), defaultdict[str, int](int)
        for language, encoding, text in cases(length):
            is_good = is_right(encoding, text)
            for key in ("all", f"{language} {encoding}"):
                total[key] += 1
                right[key] += is_good
            if not is_good:
                print(length, language, encoding, text, "->", decode(text.encode(encoding)))
        shares[str(length)] = {key: f"{right[key]}/{total[key]}" for key in total}
        print(f"{length} characters: {shares[str(length)]['all']}")
    RESULTS.write_text(json.dumps(shares, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
