"""Word lists of the skill curriculum."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


NAMES = _words(
    """
    Ann Bob Eve Tom Mia Leo Zoe Max Ida Sam Amy Ben Kim Joe Lin Ray Sue Dan Eli Fay Gus Hal Ivy
    Jan Kai Lea Meg Ned Ola Pia Rex Ron Tia Uma Val Wes Yan Abe Cora Dora Emil Finn Gwen Hugo
    Iris Jack Kate Lena Maya Nora Omar Paul Rosa Sara Theo Vera Will Anna Carl Emma Lucy Mark
    Nina Oscar Peter Clara David Alice Maria Oslo Rome Lima Cairo Paris Delhi Tokyo Quito Accra
    Berlin Madrid Dublin Turin Lagos Perth Alpha Beta Gamma Delta Omega Red Blue Green North
    South East West Monday Tuesday Friday Sunday March April June July Falcon Tiger Lion Eagle
    Hawk Wolf Bear Shark Otter Raven
    """
)
"""Names of people, places, days, animals: what a row or an owner may be called."""

THINGS = _words(
    """
    pens cups books apples pears plums coins cards stamps shells boxes balls kites lamps chairs
    tables stones marbles tickets eggs cakes buns rolls seeds roses trees birds fish sheep goats
    cows horses bottles jars bags hats socks shirts keys bells drums maps toys bricks tiles
    nails screws ropes candles cookies oranges lemons melons pencils papers letters parcels
    windows doors wheels bikes cars boats points
    """
)
"""Countable goods."""

PARTS = _words(
    """
    gear cam bolt nut spring lever valve pump sensor lens motor shaft belt housing piston hinge
    clutch pulley bracket nozzle filter rotor stator magnet coil switch relay fuse battery
    antenna screen keyboard camera mirror prism laser diode heater cooler fan blade frame wheel
    axle brake pedal chain sprocket bearing seal gasket washer screw pin clip clamp handle hyperparameter
    dial gauge meter timer clock processor memory buffer router socket plug cable wire hose pipe
    tank tray drawer lid cover base plate rod bar beam tube ring disk drum hook latch lock key
    strap roller conveyor hopper cutter drill saw
    """
)
"""Parts of machines."""

COLUMNS = _words(
    """
    wins losses points score games goals age height weight price cost sales units stock year
    rank size speed length width area rain snow visits books pages votes seats rooms cars bikes
    tons hours days medals gold silver bronze budget profit staff items count total level floor
    output income
    """
)
"""What the columns of a table may be called."""

KINDS = {
    "fruit": _words("apple pear plum fig grape lemon melon peach mango cherry"),
    "animal": _words("dog cat cow horse goat sheep fox wolf hare mouse"),
    "tool": _words("hammer saw drill wrench pliers chisel file level rake spade"),
    "colour": _words("red blue green white black brown pink grey orange purple"),
    "metal": _words("iron gold silver copper tin zinc lead nickel steel brass"),
    "drink": _words("tea coffee milk water juice cocoa cider soda wine beer"),
    "bird": _words("crow owl hawk robin swan goose duck eagle heron finch"),
    "clothing": _words("hat coat shirt scarf sock glove boot belt vest skirt"),
}
"""Words by the kind of thing that they name."""

GENERAL = _words(
    """
    the of and to in is that it for was on are as with his they at be this have from or one had
    by but not what all were we when your can said there use an each which she do how their if
    will up other about out many then them these so some her would make like him into time has
    look two more write go see number no way could people my than first been call who its now
    find long down day did get come made may part put final answer within remember question
    following table molecule compound group claim reference cited element elements based given
    must should every between only after before less most least total sum difference average
    value row rows column cell entry data code reason output return reply respond format line
    last end text word words letter option options correct choose select numbers digit integer
    whole remain remainder divided times shop sells sold buys bought pays paid costs price money
    dollars week month morning evening train bus farm farmer school class student students
    teacher garden box basket shelf page run walk minutes hours distance perimeter area
    rectangle square side sides term sequence common divisor divisors greatest product even odd
    add remove delete replace substitute modify change keep rest same new old valid string
    structure atom ring device comprising comprises includes discloses teaches patent
    application invention prior art document allow allowed rejected single combination together
    alone missing none anticipated obvious novel highest lowest greater smaller larger fewer
    equal above below exactly won lost played scored does being where while because since until
    still also again always never please give
    """
)
"""Everyday words of questions and instructions; the tokenizer reads them word by word."""

SYLLABLES = _words(
    """
    ba be bi bo ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se so ta te ti to
    va ve vi vo za zo du fu gu hu pu ru su
    """
)
"""What invented words are made of."""
