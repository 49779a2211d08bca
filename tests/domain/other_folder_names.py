"""Names of trash, drafts, outbox and junk folders in the languages of the table: none of them may pass for Sent."""

_BY_LANGUAGE = {
    "English": (
        "Trash",
        "Deleted Items",
        "Deleted Messages",
        "Drafts",
        "Outbox",
        "Junk",
        "Junk E-mail",
        "Spam",
        "Unsent",
    ),
    "German": ("Papierkorb", "Gelöschte Elemente", "Entwürfe", "Postausgang", "Junk-E-Mail", "Spamverdacht"),
    "French": ("Corbeille", "Éléments supprimés", "Brouillons", "Boîte d’envoi", "Courrier indésirable"),
    "Spanish": ("Papelera", "Elementos eliminados", "Borradores", "Bandeja de salida", "Correo no deseado"),
    "Portuguese": ("Lixeira", "Itens excluídos", "Rascunhos", "Caixa de saída", "Lixo eletrônico"),
    "Italian": ("Cestino", "Posta eliminata", "Bozze", "Posta in uscita", "Posta indesiderata"),
    "Dutch": ("Prullenbak", "Verwijderde items", "Concepten", "Postvak UIT", "Ongewenste e-mail"),
    "Swedish": ("Papperskorgen", "Borttaget", "Utkast", "Utkorgen", "Skräppost"),
    "Danish": ("Papirkurv", "Slettet post", "Kladder", "Udbakke", "Uønsket mail"),
    "Norwegian": ("Papirkurv", "Slettede elementer", "Utkast", "Utboks", "Søppelpost"),
    "Finnish": ("Roskakori", "Poistetut", "Luonnokset", "Lähtevät", "Roskaposti"),
    "Estonian": ("Prügikast", "Kustutatud üksused", "Mustandid", "Väljundkaust", "Rämpspost"),
    "Polish": ("Kosz", "Elementy usunięte", "Kopie robocze", "Skrzynka nadawcza", "Wiadomości-śmieci"),
    "Czech": ("Koš", "Odstraněná pošta", "Koncepty", "Pošta k odeslání", "Nevyžádaná pošta"),
    "Slovak": ("Kôš", "Odstránené položky", "Koncepty", "Pošta na odoslanie", "Nevyžiadaná pošta"),
    "Hungarian": ("Kuka", "Törölt elemek", "Piszkozatok", "Postázandó üzenetek", "Levélszemét"),
    "Romanian": ("Coș de gunoi", "Elemente șterse", "Schițe", "Cutie poștală ieșire", "Mesaje nedorite"),
    "Croatian": ("Smeće", "Izbrisane stavke", "Skice", "Izlazna pošta", "Bezvrijedna pošta"),
    "Slovenian": ("Koš", "Izbrisano", "Osnutki", "Odpošlji", "Neželena pošta"),
    "Bulgarian": ("Кошче", "Изтрити", "Чернови", "Изходящи", "Нежелана поща"),
    "Greek": ("Κάδος", "Διαγραμμένα", "Πρόχειρα", "Εξερχόμενα", "Ανεπιθύμητα"),
    "Turkish": ("Çöp kutusu", "Silinmiş Öğeler", "Taslaklar", "Giden Kutusu", "Gereksiz E-posta"),
    "Russian": ("Корзина", "Удаленные", "Черновики", "Исходящие", "Нежелательная почта", "Спам"),
    "Ukrainian": ("Кошик", "Видалені", "Чернетки", "Вихідні", "Небажана пошта"),
    "Catalan": ("Paperera", "Elements suprimits", "Esborranys", "Safata de sortida", "Correu brossa"),
    "Hebrew": ("אשפה", "פריטים שנמחקו", "טיוטות", "דואר יוצא", "דואר זבל"),
    "Arabic": ("سلة المهملات", "العناصر المحذوفة", "المسودات", "علبة الصادر", "البريد غير الهام"),
    "Vietnamese": ("Thùng rác", "Mục đã xóa", "Thư nháp", "Hộp thư đi", "Thư rác"),
    "Indonesian": ("Sampah", "Item Terhapus", "Draf", "Kotak Keluar", "Email Sampah"),
    "Japanese": ("ゴミ箱", "削除済みアイテム", "下書き", "送信トレイ", "迷惑メール"),
    "Korean": ("휴지통", "지운 편지함", "임시 보관함", "보낼 편지함", "정크 메일", "스팸메일함"),
    "Chinese": ("垃圾箱", "已删除邮件", "草稿", "发件箱", "垃圾邮件", "刪除的郵件", "寄件匣", "已删除"),
}
_USES = ("trash", "deleted", "drafts", "outbox", "junk")

OTHER_NAMES = tuple(
    (language, _USES[min(place, 4)], name)
    for language, names in _BY_LANGUAGE.items()
    for place, name in enumerate(names)
)
