"""Names of months, days and half days, and the four date styles, in the languages that we print (CLDR)."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.expression.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Language:
    """Months from January, days from Monday; styles are Java patterns."""

    months: tuple[str, ...]
    short_months: tuple[str, ...]
    days: tuple[str, ...]
    short_days: tuple[str, ...]
    half_days: tuple[str, str]
    eras: tuple[str, str]
    first_day: int
    min_days: int
    styles: dict[str, str]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LANGUAGES = {
    "en": Language(
        _names("January February March April May June July August September October November December"),
        _names("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        _names("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        _names("Mon Tue Wed Thu Fri Sat Sun"),
        ("AM", "PM"),
        ("BC", "AD"),
        7,
        1,
        {
            "full": "EEEE, MMMM d, y 'at' h:mm:ss a zzzz",
            "long": "MMMM d, y 'at' h:mm:ss a z",
            "medium": "MMM d, y, h:mm:ss a",
            "short": "M/d/yy, h:mm a",
        },
    ),
    "fr": Language(
        _names("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
        _names("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        _names("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        _names("lun. mar. mer. jeu. ven. sam. dim."),
        ("AM", "PM"),
        ("av. J.-C.", "ap. J.-C."),
        1,
        4,
        {
            "full": "EEEE d MMMM y 'à' HH:mm:ss zzzz",
            "long": "d MMMM y 'à' HH:mm:ss z",
            "medium": "d MMM y, HH:mm:ss",
            "short": "dd/MM/y HH:mm",
        },
    ),
    "de": Language(
        _names("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        _names("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        _names("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        _names("Mo. Di. Mi. Do. Fr. Sa. So."),
        ("AM", "PM"),
        ("v. Chr.", "n. Chr."),
        1,
        4,
        {
            "full": "EEEE, d. MMMM y 'um' HH:mm:ss zzzz",
            "long": "d. MMMM y 'um' HH:mm:ss z",
            "medium": "dd.MM.y, HH:mm:ss",
            "short": "dd.MM.yy, HH:mm",
        },
    ),
    "es": Language(
        _names("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        _names("ene feb mar abr may jun jul ago sept oct nov dic"),
        _names("lunes martes miércoles jueves viernes sábado domingo"),
        _names("lun mar mié jue vie sáb dom"),
        ("a. m.", "p. m."),
        ("a. C.", "d. C."),
        1,
        4,
        {
            "full": "EEEE, d 'de' MMMM 'de' y, H:mm:ss (zzzz)",
            "long": "d 'de' MMMM 'de' y, H:mm:ss z",
            "medium": "d MMM y, H:mm:ss",
            "short": "d/M/yy, H:mm",
        },
    ),
}
ENGLISH = _LANGUAGES["en"]


def language(locale: str | None) -> Language:
    """The names for `fr`, `fr_CA` or `fr-CA`; English for none. Raises ExpressionError for one we do not have."""
    if not locale:
        return ENGLISH
    found = _LANGUAGES.get(locale.replace("-", "_").partition("_")[0].lower())
    if found is None:
        raise ExpressionError(
            f"dates cannot be written in the locale `{locale[:20]}`",
            help=f"the locales are {', '.join(sorted(_LANGUAGES))}",
        )
    return found
