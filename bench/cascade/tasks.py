#!/usr/bin/env python3
# tasks.py -- rows with known answers for `sluice calibrate`.
# SPDX-License-Identifier: Apache-2.0
"""Makes sets of questions whose right answers are known.

    bench/cascade/tasks.py --out DIR [--routing FILE --strong MODEL]

Each set is a file of JSON Lines, {"id", "messages", "expected", "match"}: sums
of small numbers, capitals of countries and states, a fact to be found in a
short text, and the mood of a review. The same seed gives the same rows.

With --routing, crux.jsonl too: what short Python functions give back, each row
with the quality that MODEL was measured to have on it as "strong". FILE holds
routing outcomes, {"id", "prompt", "quality": {MODEL: 0 to 1}} a line, plain or
.gz. Its functions are RUN, in processes of their own that may use 2 s and
256 MiB and open no file: name no file whose makers you do not trust.
"""
import argparse
import json
import os
import random
import sys

sys.dont_write_bytecode = True
from crux import crux  # noqa: E402

CAPITALS = """
Afghanistan:Kabul Albania:Tirana Algeria:Algiers Andorra:Andorra_la_Vella
Angola:Luanda Argentina:Buenos_Aires Armenia:Yerevan Australia:Canberra
Austria:Vienna Azerbaijan:Baku Bahamas:Nassau Bahrain:Manama Bangladesh:Dhaka
Barbados:Bridgetown Belarus:Minsk Belgium:Brussels Belize:Belmopan
Bhutan:Thimphu Botswana:Gaborone Brazil:Brasilia Bulgaria:Sofia
Burkina_Faso:Ouagadougou Cambodia:Phnom_Penh Cameroon:Yaounde Canada:Ottawa
Chad:N'Djamena Chile:Santiago China:Beijing Colombia:Bogota Croatia:Zagreb
Cuba:Havana Cyprus:Nicosia Denmark:Copenhagen Djibouti:Djibouti
Dominica:Roseau Ecuador:Quito Egypt:Cairo El_Salvador:San_Salvador
Eritrea:Asmara Estonia:Tallinn Ethiopia:Addis_Ababa Fiji:Suva
Finland:Helsinki France:Paris Gabon:Libreville Gambia:Banjul Georgia:Tbilisi
Germany:Berlin Ghana:Accra Greece:Athens Grenada:St._George's
Guatemala:Guatemala_City Guinea:Conakry Guyana:Georgetown
Haiti:Port-au-Prince Honduras:Tegucigalpa Hungary:Budapest Iceland:Reykjavik
India:New_Delhi Indonesia:Jakarta Iran:Tehran Iraq:Baghdad Ireland:Dublin
Italy:Rome Jamaica:Kingston Japan:Tokyo Jordan:Amman Kenya:Nairobi
Kiribati:Tarawa Kuwait:Kuwait_City Kyrgyzstan:Bishkek Laos:Vientiane
Latvia:Riga Lebanon:Beirut Lesotho:Maseru Liberia:Monrovia Libya:Tripoli
Liechtenstein:Vaduz Lithuania:Vilnius Luxembourg:Luxembourg
Madagascar:Antananarivo Malawi:Lilongwe Malaysia:Kuala_Lumpur Maldives:Male
Mali:Bamako Malta:Valletta Mauritania:Nouakchott Mauritius:Port_Louis
Mexico:Mexico_City Moldova:Chisinau Monaco:Monaco Mongolia:Ulaanbaatar
Montenegro:Podgorica Morocco:Rabat Mozambique:Maputo Namibia:Windhoek
Nepal:Kathmandu Netherlands:Amsterdam New_Zealand:Wellington
Nicaragua:Managua Niger:Niamey Nigeria:Abuja North_Korea:Pyongyang
North_Macedonia:Skopje Norway:Oslo Oman:Muscat Pakistan:Islamabad
Panama:Panama_City Papua_New_Guinea:Port_Moresby Paraguay:Asuncion Peru:Lima
Philippines:Manila Poland:Warsaw Portugal:Lisbon Qatar:Doha
Romania:Bucharest Russia:Moscow Rwanda:Kigali Samoa:Apia San_Marino:San_Marino
Saudi_Arabia:Riyadh Senegal:Dakar Serbia:Belgrade Seychelles:Victoria
Sierra_Leone:Freetown Slovakia:Bratislava Slovenia:Ljubljana
Somalia:Mogadishu South_Korea:Seoul South_Sudan:Juba Spain:Madrid
Sudan:Khartoum Suriname:Paramaribo Sweden:Stockholm Switzerland:Bern
Syria:Damascus Taiwan:Taipei Tajikistan:Dushanbe Tanzania:Dodoma
Thailand:Bangkok Togo:Lome Tonga:Nuku'alofa Tunisia:Tunis Turkey:Ankara
Turkmenistan:Ashgabat Tuvalu:Funafuti Uganda:Kampala Ukraine:Kyiv
United_Kingdom:London Uruguay:Montevideo Uzbekistan:Tashkent
Vanuatu:Port_Vila Venezuela:Caracas Vietnam:Hanoi Yemen:Sanaa Zambia:Lusaka
Zimbabwe:Harare
Alabama:Montgomery Alaska:Juneau Arizona:Phoenix Arkansas:Little_Rock
California:Sacramento Colorado:Denver Connecticut:Hartford Delaware:Dover
Florida:Tallahassee Hawaii:Honolulu Idaho:Boise Illinois:Springfield
Indiana:Indianapolis Iowa:Des_Moines Kansas:Topeka Kentucky:Frankfort
Louisiana:Baton_Rouge Maine:Augusta Maryland:Annapolis Massachusetts:Boston
Michigan:Lansing Minnesota:Saint_Paul Mississippi:Jackson
Missouri:Jefferson_City Montana:Helena Nebraska:Lincoln Nevada:Carson_City
New_Hampshire:Concord New_Jersey:Trenton New_Mexico:Santa_Fe
North_Carolina:Raleigh North_Dakota:Bismarck Ohio:Columbus
Oklahoma:Oklahoma_City Oregon:Salem Pennsylvania:Harrisburg
Rhode_Island:Providence South_Carolina:Columbia South_Dakota:Pierre
Tennessee:Nashville Texas:Austin Utah:Salt_Lake_City Vermont:Montpelier
Virginia:Richmond West_Virginia:Charleston Wisconsin:Madison Wyoming:Cheyenne
"""
NAMES = ("Maria Ahmed Lucy Tom Irene Pavel Grace Omar Nina Karl Sofia Liam Aiko "
         "Ravi Elsa Marco Zoe Ivan Clara Hugo").split()
TOWNS = ("Lyon Leeds Porto Bergen Graz Malmo Turin Cork Ghent Basel Nantes "
         "Seville Odense Bremen Tartu Krakow Split Varna Utrecht Tampere").split()
JOBS = ("baker nurse pilot farmer plumber lawyer painter teacher chemist "
        "gardener librarian mechanic dentist tailor carpenter").split()
COLOURS = "red blue green yellow black white orange purple brown grey".split()
THINGS = "bicycle umbrella scarf kettle suitcase lamp car boat coat door".split()
GOOD = ("delicious wonderful excellent charming superb reliable friendly "
        "comfortable quick beautiful").split()
BAD = ("awful cold rude broken slow dirty noisy overpriced bland terrible").split()
SUBJECTS = ("soup hotel waiter phone concert taxi film blanket laptop museum "
            "train pizza").split()


def row(name, number, question, hint, expected, match="contains"):
    """One line; every other question comes without the hint how to answer."""
    if number % 2 == 0:
        question += " " + hint
    return {"id": f"{name}-{number}",
            "messages": [{"role": "user", "content": question}],
            "expected": expected, "match": match}


def sums(rng):
    for i in range(300):
        top = rng.choice((9, 20, 50, 99))
        a, b = rng.randint(1, top), rng.randint(1, top)
        yield row("sums", i, f"What is {a} + {b}?",
                  "Answer with the number only.", str(a + b), "number")


def capitals(rng):
    pairs = [p.split(":") for p in CAPITALS.split()]
    rng.shuffle(pairs)
    for i, (place, capital) in enumerate(pairs):
        place, capital = place.replace("_", " "), capital.replace("_", " ")
        yield row("capitals", i, f"What is the capital of {place}?",
                  "Answer with its name only.", capital)


def facts(rng):
    for i in range(300):
        people = rng.sample(NAMES, 3)
        towns, jobs = rng.sample(TOWNS, 3), rng.sample(JOBS, 3)
        colours, things = rng.sample(COLOURS, 3), rng.sample(THINGS, 3)
        text = " ".join(f"{p} lives in {t}, works as a {j} and owns a {c} {o}."
                        for p, t, j, c, o
                        in zip(people, towns, jobs, colours, things))
        who = rng.randrange(3)
        question, answer = rng.choice([
            (f"In which town does {people[who]} live?", towns[who]),
            (f"What is {people[who]}'s job?", jobs[who]),
            (f"What colour is {people[who]}'s {things[who]}?", colours[who]),
            (f"Who lives in {towns[who]}?", people[who]),
            (f"Who is the {jobs[who]}?", people[who])])
        yield row("facts", i, f"{text}\n\n{question}",
                  "Answer with one word.", answer)


def moods(rng):
    frames = [("The {s} was {g}.", 1), ("The {s} was {b}.", 0),
              ("The {s} was not {g}.", 0), ("The {s} was {g} and {g2}.", 1),
              ("I expected a {b} {s}, but it was {g}.", 1),
              ("They promised a {g} {s}; it was {b}.", 0),
              ("Never had such a {b} {s}.", 0)]
    for i in range(300):
        frame, is_good = rng.choice(frames)
        good, second = rng.sample(GOOD, 2)
        text = frame.format(s=rng.choice(SUBJECTS), g=good, g2=second,
                            b=rng.choice(BAD))
        yield row("moods", i, f"Review: {text}\nIs this review positive or "
                  "negative?", "Answer with one word.",
                  "positive" if is_good else "negative")


def write(folder, name, rows, said=""):
    path = os.path.join(folder, name + ".jsonl")
    n = 0
    with open(path, "w", encoding="utf-8") as file:
        for line in rows:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            n += 1
    print(f"{path}: {n} rows{said}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--routing", metavar="FILE",
                        help="rows with Python functions and models' quality")
    parser.add_argument("--strong", metavar="MODEL",
                        help="the stronger model, as FILE calls it")
    args = parser.parse_args()
    if bool(args.routing) != bool(args.strong):
        parser.error("--routing and --strong go together")
    os.makedirs(args.out, exist_ok=True)
    for task in (sums, capitals, facts, moods):
        write(args.out, task.__name__, task(random.Random(args.seed)))
    if args.routing:
        rows, left_out = crux(args.routing, args.strong)
        write(args.out, "crux", rows, f", {left_out} left out")


if __name__ == "__main__":
    main()
