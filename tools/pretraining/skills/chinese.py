"""Chinese skills: number card_topics, formulas given in the text, categories given in the text, options."""

from __future__ import annotations

from random import Random

from tools.pretraining.skills.core import Document, ask, near_numbers, number, options, turn, upto

# Category -> members. Listed in the question before they are asked for.
KINDS_ZH = {
    "资产": "存货 现金 固定资产 应收账款 银行存款 预付账款 无形资产 原材料 应收票据 库存商品 在建工程",
    "负债": "短期借款 长期借款 应付账款 应付票据 预收账款 应付债券 应交税费 应付职工薪酬 应付利息",
    "所有者权益": "实收资本 资本公积 盈余公积 未分配利润 股本 股东权益",
    "收入": "主营业务收入 其他业务收入 投资收益 利息收入 营业外收入 手续费收入",
    "费用": "管理费用 销售费用 财务费用 折旧费 广告费 租金 工资 所得税费用 利息支出",
    "证券": "股票 债券 国债 期权 权证 可转换债券 金融债券 企业债券 优先股 普通股",
    "银行": "存款 贷款 汇款 信用卡 支票 汇票 本票 票据贴现 抵押贷款 储蓄 结算",
    "保险": "人寿保险 财产保险 健康保险 意外险 责任保险 再保险 年金 养老保险 车险 医疗险",
    "基金": "货币基金 股票基金 债券基金 指数基金 混合基金 封闭式基金 开放式基金",
    "期货": "合约 保证金 交割 套期保值 平仓 多头 空头 基差 对冲",
    "税": "增值税 所得税 消费税 关税 房产税 契税 印花税 车船税 土地增值税",
    "经济": "需求 供给 价格 弹性 通货膨胀 失业率 国内生产总值 货币政策 财政政策 边际成本 机会成本 垄断 竞争",
    "精算": "概率 期望 方差 标准差 死亡率 生存年金 准备金 现值 终值 贴现率 分布 随机变量 损失",
    "理财": "预算 储蓄 退休规划 教育规划 资产配置 风险承受能力 现金流 家庭 消费 收益率",
    "水果": "苹果 香蕉 梨 桃 葡萄 西瓜 橙子",
    "动物": "狗 猫 马 牛 羊 鱼 鸟",
    "颜色": "红 黄 蓝 绿 白 黑",
    "文具": "笔 纸 尺 书 本子 橡皮",
}
MEMBERS = {kind: words.split() for kind, words in KINDS_ZH.items()}

MEASURES = "元 万元 个 件 份 股 手 张 本 吨 亿元 次 人 年 天 月"
UNITS = MEASURES.split()
PEOPLE_AND_FIRMS = (
    "小明 小红 小王 小李 甲 乙 丙 张三 李四 老师 客户 甲公司 乙公司 某企业 某银行 某人 投资者 王先生 李女士"
)
PEOPLE = PEOPLE_AND_FIRMS.split()
TRADED = "苹果 书 笔 股票 债券 基金份额 存货 商品 产品 机器 材料 保单 合约 票据 房屋 车 粮食 设备 电脑 黄金"
GOODS = TRADED.split()

# Name of the result, the two operands, the sign. Formulas are always written out in the question.
FORMULAS = (
    ("利润", "收入", "费用", "-"),
    ("资产", "负债", "所有者权益", "+"),
    ("余额", "存入", "取出", "-"),
    ("总额", "单价", "数量", "*"),
    ("毛利", "售价", "成本", "-"),
    ("本利和", "本金", "利息", "+"),
    ("净值", "原值", "折旧", "-"),
    ("市值", "股价", "股数", "*"),
    ("保费", "费率", "份数", "*"),
    ("结余", "工资", "支出", "-"),
    ("期末", "期初", "增加", "+"),
    ("盈亏", "卖价", "买价", "-"),
    ("总成本", "固定成本", "变动成本", "+"),
    ("缺口", "需求", "供给", "-"),
    ("赔付", "损失", "免赔额", "-"),
    ("保证金", "每手", "手数", "*"),
    ("税后", "税前", "税额", "-"),
    ("差额", "现价", "原价", "-"),
)


def _count(rng: Random, level: float) -> int:
    return number(rng, level, 300)


def _reply(rng: Random, skill: str, question: str, answer: int, steps: str, unit: str = "") -> Document:
    """Ask openly, or with four lettered options."""
    if rng.random() < 0.5:
        return ask(
            rng, skill, question, f"{answer}{unit}" if rng.random() < 0.2 else str(answer), steps, 0.35
        )
    table, letter = options(rng, str(answer), near_numbers(rng, answer))
    return _lettered(rng, skill, question, {k: f"{v}{unit}" for k, v in table.items()}, letter, steps)


def _lettered(
    rng: Random, skill: str, question: str, table: dict[str, str], letter: str, steps: str
) -> Document:
    gap, mark = rng.choice(["\n", " "]), rng.choice([". ", "．", "、", ".", "："])
    listed = gap.join(f"{k}{mark}{v}" for k, v in table.items())
    document = ask(rng, skill, f"{question}{rng.choice([chr(10), ' '])}{listed}", letter, steps, 0.3)
    return document


def story(rng: Random, level: float) -> Document:
    """Something is gained, spent, compared or multiplied."""
    a, b, c = _count(rng, level), _count(rng, level), rng.randint(2, 9)
    who, other = rng.sample(PEOPLE, 2)
    good, unit = rng.choice(GOODS), rng.choice(UNITS)
    roll = rng.random()
    if roll < 0.35:
        text = rng.choice(
            [
                f"{who}有{good}{a}{unit}，又买入{b}{unit}，一共多少？",
                f"{who}收到{a}{unit}，再收到{b}{unit}，合计多少？",
                f"{good}原来{a}{unit}，增加{b}{unit}，现在多少？",
                f"上月{a}{unit}，本月{b}{unit}，两月共多少？",
                f"{who}存{a}{unit}，{other}存{b}{unit}，总共？",
                f"价格{a}{unit}，上涨{b}{unit}后是多少？",
            ]
        )
        return _reply(rng, "story_zh", text, a + b, f"{a}+{b}={a + b}。", unit)
    if roll < 0.7:
        a, b = max(a, b), min(a, b)
        text = rng.choice(
            [
                f"{who}有{a}{unit}，支出{b}{unit}，还剩多少？",
                f"{good}{a}{unit}，卖出{b}{unit}，剩余多少？",
                f"{who}有{a}{unit}，{other}有{b}{unit}，相差多少？",
                f"从{a}{unit}减少{b}{unit}，结果是？",
                f"{who}借{a}{unit}，归还{b}{unit}，还欠多少？",
                f"价格{a}{unit}，下降{b}{unit}后是多少？",
            ]
        )
        return _reply(rng, "story_zh", text, a - b, f"{a}-{b}={a - b}。", unit)
    a = a % 60 + 1
    text = rng.choice(
        [
            f"每{rng.choice('份股件张本')}{a}元，{c}{rng.choice('份股件张本')}多少元？",
            f"每年{a}{unit}，{c}年多少？",
            f"单价{a}，数量{c}，总价？",
            f"{c}个人各有{a}{unit}，共有多少？",
        ]
    )
    return _reply(rng, "story_zh", text, a * c, f"{a}*{c}={a * c}。")


def formula(rng: Random, level: float) -> Document:
    """A formula is given with its numbers; compute it."""
    name, first, second, sign = rng.choice(FORMULAS)
    a, b = _count(rng, level), _count(rng, level)
    if sign == "*":
        a, b = a % 60 + 1, b % 9 + 1
    if sign == "-" and b > a:
        a, b = b, a
    value = a * b if sign == "*" else a + b if sign == "+" else a - b
    given = [f"{first}{a}", f"{second}{b}"]
    if rng.random() < 0.3:
        given.reverse()
    rule = f"{name}={first}{sign}{second}"
    text = rng.choice(
        [
            f"公式：{rule}。{given[0]}，{given[1]}。求{name}。",
            f"已知{rule}，{given[0]}，{given[1]}，{name}是多少？",
            f"{rule}。若{given[0]}、{given[1]}，则{name}为？",
        ]
    )
    return _reply(rng, "formula_zh", text, value, f"{a}{sign}{b}={value}。")


def category(rng: Random, level: float) -> Document:
    """Facts are listed, then asked for, openly or with options."""
    n = upto(rng, level, 2, 4)
    kinds = rng.sample(list(MEMBERS), n)
    facts = [(rng.choice(MEMBERS[k]), k) for k in kinds]
    sign = rng.choice(["=", "属于", "是", "："])
    text = rng.choice(["，", "；", " ", "。"]).join(f"{w}{sign}{k}" for w, k in facts)
    word, kind = rng.choice(facts)
    roll = rng.random()
    known = rng.random() < 0.3
    if roll < 0.35:
        question = rng.choice(["{}属于？", "{}是什么？", "{}是哪一类？"]).format(word)
        return ask(rng, "category_zh", question if known else f"{text}。{question}", kind, "", 0.3)
    if roll < 0.6:
        question = rng.choice(["哪个属于{}？", "{}有？", "找出{}。"]).format(kind)
        return ask(rng, "category_zh", f"{text}。{question}", word, "", 0.3)
    others = [k for k in MEMBERS if k != kind]
    if roll < 0.8:
        table, letter = options(rng, kind, rng.sample(others, 3))
        question, steps = f"{word}归入哪一类？", f"{word}{rng.choice(['属于', '是'])}{kind}。"
    else:
        table, letter = options(rng, word, [rng.choice(MEMBERS[k]) for k in rng.sample(others, 3)])
        question, steps = rng.choice([f"选出{kind}。", f"哪一项是{kind}？"]), f"{word}是{kind}。"
    lead = "" if known else f"{text}。"
    return _lettered(rng, "category_zh", lead + question, table, letter, steps)


def compare(rng: Random, level: float) -> Document:
    """More or less, larger or smaller; a correct statement among options."""
    a, b = _count(rng, level), _count(rng, level)
    if a == b:
        b += 1
    who, other = rng.sample(PEOPLE, 2)
    more = rng.random() < 0.5
    winner = who if (a > b) == more else other
    word = rng.choice(["谁多", "谁大", "谁高"]) if more else rng.choice(["谁少", "谁小", "谁低"])
    steps = f"{a}{'>' if a > b else '<'}{b}。"
    return ask(rng, "compare_zh", f"{who}{a}，{other}{b}，{word}？", winner, steps, 0.3)


def _letters(rng: Random, words: list[str]) -> Document:
    """Several questions on one list of options: the letter of a word or of a number."""
    if rng.random() < 0.5:
        words = [str(v) for v in rng.sample(range(1, 150), 4)]
    table, _ = options(rng, words[0], words[1:])
    gap, mark = rng.choice(["\n", " "]), rng.choice([". ", "．", "、", "："])
    listed = gap.join(f"{k}{mark}{v}" for k, v in table.items())
    turns = []
    for i in range(rng.randint(2, 4)):
        letter = rng.choice(list(table))
        question = rng.choice(["{}是哪个？", "选{}。", "{}？"]).format(table[letter])
        turns.append(turn(rng, f"{listed}\n{question}" if i == 0 else question, letter, "", 0.25))
    return Document("pick_zh", tuple(turns))


def pick(rng: Random, level: float) -> Document:
    """Pick the letter of a given word; copy a word; read a list."""
    words = rng.sample([w for ws in MEMBERS.values() for w in ws], 4)
    words = list(dict.fromkeys(words))
    if rng.random() < 0.3:
        return _letters(rng, words)
    roll = rng.random()
    if roll < 0.45 and len(words) == 4:
        table, letter = options(rng, words[0], words[1:])
        return _lettered(
            rng,
            "pick_zh",
            rng.choice(["选{}", "哪个是{}？", "请选择{}。"]).format(words[0]),
            table,
            letter,
            "",
        )
    if roll < 0.75:
        values = rng.sample(range(1, 200), len(words))
        text = rng.choice(["，", "；", "\n"]).join(f"{w}{v}" for w, v in zip(words, values, strict=True))
        turns = []
        for k in range(rng.randint(1, 3)):
            i = rng.randrange(len(words))
            question = rng.choice(["{}多少？", "{}是？", "读出{}。"]).format(words[i])
            turns.append(turn(rng, f"{text}\n{question}" if k == 0 else question, str(values[i]), "", 0.25))
        return Document("pick_zh", tuple(turns))
    return ask(
        rng, "pick_zh", rng.choice(["重复：{}", "抄写“{}”", "写出{}"]).format(words[0]), words[0], "", 0.2
    )


def percent(rng: Random, level: float) -> Document:
    """Rates of round amounts: interest, tax, premium, fee."""
    share, whole = (
        rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 20, 25]),
        rng.choice([100, 200, 300, 400, 500, 600, 800, 1000]),
    )
    part = whole * share // 100
    text = rng.choice(
        [
            f"本金{whole}元，利率{share}%，利息？",
            f"金额{whole}，税率{share}%，税是多少？",
            f"保额{whole}，费率{share}%，保费？",
            f"成交{whole}元，手续费率{share}%，手续费？",
            f"面值{whole}元，票面利率{share}%，每年利息多少？",
        ]
    )
    return _reply(rng, "percent_zh", text, part, f"{whole}*{share}%={part}。")
