"""Writes test/golden/tokenizer.json: 1,000 strings and their ids by transformers' CLIPTokenizerFast.

    python oracle/tokenizer.py FOLDER-WITH-CLIP'S-vocab.json-AND-merges.txt
"""
import json
import random
import sys

from transformers import CLIPTokenizer, CLIPTokenizerFast

random.seed(20261124)
pools = [
    "a photo of the dog, wearing red hat; sitting (quietly) on grey cobblestones at dawn's edge".split(),
    "DSLR 85mm f/1.8 ISO-200 4K 8k 3.14 1,000 007 50% #hashtag @someone e-mail C++ x64 1/250s".split(),
    "don't it's we've they'll I'm he'd you're rock'n'roll 'quoted' \"double\" naïve café Zürich jalapeño".split(),
    "Köln Łódź smörgåsbord ÆØÅ þorn señor Ångström İstanbul ısı ŒUVRE ﬁne ｆｕｌｌ ｗｉｄｔｈ e\u0301te\u0301 n\u0303".split(),
    "собака в снегу Κύων στο χιόνι שלג כלב كلب في الثلج कुत्ता बर्फ में สุนัข 雪の中の犬 狗在雪里 눈 속의 개 ძაღლი".split(),
    "🐶 🐕‍🦺 👩🏽‍🚀 🇨🇭 ❤️ ☃️ 😀😀 ✨ ™ © ½ ² ﷽ … — – “ ” ‘ ’ « » ¿ ¡ § ¶ • ∑ ≈ → 𝔘𝔫𝔦 𝒶𝓃𝒹".split(),
    "!!! ??? ... ,,, ;; :: -- __ == ++ ** // \\\\ || <> [] {} () ^^ ~~ `` $$ && %% <|endoftext|> <v> <new1>".split(),
    ["\t", "\n", "\u00a0", "\u200b", "\u3000", "  ", "\r\n", "\ufeff", "a\u0300", "\u2028"],
]
strings = ["", " ", "a photo of a dog", "dog " * 100, "🐶" * 60, "ß" * 90, "x" * 500, "\n\n", "<|startoftext|>", "A<|endoftext|>b"]
while len(strings) < 1000:
    chosen = random.choices(pools, k=random.choice([1, 2, 3]))
    length = random.choice([1, 2, 3, 5, 8, 13, 40, 120] if len(strings) % 25 == 0 else [1, 2, 3, 5, 8, 13])
    words = [random.choice(random.choice(chosen)) for _ in range(length)]
    if random.random() < 0.3:
        words = [random.choice([str.upper, str.title, str.swapcase])(word) for word in words]
    strings.append(random.choice([" ", " ", " ", "", ", ", "-", "  "]).join(words))
folder = sys.argv[1]
fast = CLIPTokenizerFast(vocab_file=f"{folder}/vocab.json", merges_file=f"{folder}/merges.txt", model_max_length=77)
slow = CLIPTokenizer(vocab_file=f"{folder}/vocab.json", merges_file=f"{folder}/merges.txt", model_max_length=77)
fast._tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])  # as a tokenizer.json has them
rows = [[text, fast(text, truncation=True).input_ids] for text in strings]
differ = [text for text, ids in rows if slow(text, truncation=True).input_ids != ids]
with open("test/golden/tokenizer.json", "w", encoding="utf8") as file:
    file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows) + "\n]\n")
print(f"{len(rows)} strings; transformers' slow tokenizer differs on {len(differ)} of them, such as {[ascii(t[:40]) for t in differ[:8]]}")
